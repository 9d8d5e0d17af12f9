"""The lines in the documents load what `bpnet export` writes into PyTorch's modules."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.data.synthetic import draw_digits
from bpnet.model.checkpoint import load_checkpoint
from bpnet.nn.sequential import Workspace
from tests.helpers.tiny import succeed
from tests.test_documents import DOCUMENTS, blocks


@pytest.mark.parametrize("page", ["README.md", "bpnet/README.md"])
def test_few_lines_load_an_export_into_pytorchs_modules(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch", reason="runs PyTorch: pip install torch")
    pytest.importorskip("safetensors", reason="needs safetensors: pip install safetensors")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    sizes = ((128, 784), (10, 128))
    matrices = {f"fc{n}.weight": rng.normal(size=size) / 9 for n, size in enumerate(sizes)}
    biases = {f"fc{n}.bias": rng.normal(size=size[0]) for n, size in enumerate(sizes)}
    np.savez("net.npz", **matrices, **biases)  # type: ignore[arg-type]
    succeed("import", "net.npz", "--config", "mlp", "-o", "mlp.npz")
    succeed("export", "mlp.npz", "-o", "mlp.safetensors")
    (code,) = (block for block in blocks(DOCUMENTS[page], "python") if "load_state_dict" in block)
    assert len(list(filter(None, code.splitlines()))) <= 5
    found: dict[str, Any] = {}
    exec(code, found)
    model = load_checkpoint(Path("mlp.npz")).model()
    digits, _ = draw_digits(np.arange(10), seed=1)
    inputs = model.normalization.scale * digits[:, None] + model.normalization.offset
    outputs = found["network"](torch.tensor(inputs.astype(np.float32))).detach().numpy()
    expected = model.outputs(digits, Workspace(model.network, 10, training=False)).T
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)
