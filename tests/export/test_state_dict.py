"""Names and shapes are PyTorch's, and the lines of Python load them into its modules."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.export.pytorch_modules import MODULES, loading_code
from bpnet.export.safetensors_file import safetensors_bytes
from bpnet.export.state_dict import array_names, module_names, state_dict
from bpnet.nn.registry import layer_types
from bpnet.nn.sequential import Workspace
from tests.helpers.random_model import NETS, random_model


def test_modules_are_numbered_from_0_and_again_in_a_block() -> None:
    layers = random_model(NETS["residual"]).network.layers
    assert module_names(layers) == ["0", "1", "1.0", "1.1", "1.1.0", "1.1", "1", "2", "3"]
    assert array_names(layers) == {
        "1.weight": "0.weight",
        "1.bias": "0.bias",
        "3.weight": "1.0.weight",
        "3.bias": "1.0.bias",
        "9.weight": "3.weight",
        "9.bias": "3.bias",
    }


def test_running_statistics_have_pytorchs_names() -> None:
    arrays = state_dict(random_model(NETS["channels"]).network)
    assert list(arrays)[2:6] == ["1.weight", "1.bias", "1.running_mean", "1.running_var"]
    counter = arrays["1.num_batches_tracked"]
    assert (counter.dtype.name, counter.shape) == ("int64", ())


def test_every_kind_of_layer_has_its_module() -> None:
    assert set(MODULES) | {"residual", "end"} == set(layer_types())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETS)
def test_pytorch_loads_the_file_with_these_lines(
    name: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("safetensors", reason="writes safetensors: pip install safetensors")
    torch = pytest.importorskip("torch", reason="compares with PyTorch: pip install torch")
    loss = "mse" if name in ("softmax", "bent") else "cross_entropy"
    model = random_model(NETS[name], loss, dtype)
    (tmp_path / "net.safetensors").write_bytes(safetensors_bytes(model, "net.safetensors"))
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(loading_code(model, "net.safetensors"), found)
    samples = np.random.default_rng(5).integers(0, 256, (6, 9, 8), dtype=np.uint8)
    expected = model.outputs(samples, Workspace(model.network, 6, training=False)).T
    inputs = model.normalization.scale * samples[:, None] + model.normalization.offset
    outputs = found["network"](torch.tensor(inputs.astype(dtype))).detach().numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_the_lines_say_how_samples_become_inputs() -> None:
    code = loading_code(random_model(NETS["softmax"], "mse"), "it's.safetensors")
    assert code.endswith("# inputs: 0.01 * stored + -0.5")
    assert 'load_file("it\'s.safetensors")' in code


def test_the_lines_say_how_outputs_become_probabilities() -> None:
    code = loading_code(random_model(NETS["softmax"], "mse", temperature=1.5), "net.safetensors")
    assert code.endswith("\n# probabilities: softmax(outputs / 1.5)")


def test_the_file_holds_its_own_instructions(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors", reason="pip install safetensors")
    path = tmp_path / "net.safetensors"
    path.write_bytes(safetensors_bytes(random_model(NETS["channels"]), path.name))
    with safetensors.safe_open(path, framework="np") as file:
        texts = json.loads(file.metadata()["bpnet"])
        assert set(file.keys()) > {"0.weight", "1.running_var"}
    assert "nn.BatchNorm2d(5)" in texts["pytorch"]
    assert texts["config"].startswith("[data]\n")
    assert texts["class_names"] == ["a", "b", "c"]
