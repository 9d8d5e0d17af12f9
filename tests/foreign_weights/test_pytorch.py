"""Networks of PyTorch answer in bpnet as they do there, whatever their modules are called."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.data.synthetic import draw_digits
from bpnet.foreign_weights.description import Greys
from bpnet.foreign_weights.importing import import_weights
from tests.helpers.tiny import read_config

torch: Any = pytest.importorskip("torch", reason="runs PyTorch: pip install torch")

CONFIG = """
[model]
layers =
    conv 4 kernel=3 bias=no
    batchnorm
    relu
    maxpool 2
    residual
        conv 4 kernel=3 padding=1
        gelu
    end
    conv 3 kernel=3 stride=2
    flatten
    linear 12
    tanh
    linear 10
"""


class Network(torch.nn.Module):  # type: ignore[misc]
    """Name modules as people do, in an order that is not that of the layers."""

    def __init__(self) -> None:
        super().__init__()
        nn = torch.nn
        self.head = nn.Sequential(nn.Linear(108, 12), nn.Tanh(), nn.Linear(12, 10))
        self.stem = nn.Conv2d(1, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.GELU(approximate="tanh"))
        self.reduce = nn.Conv2d(4, 3, 3, stride=2)

    def forward(self, x: Any) -> Any:
        functional = torch.nn.functional
        x = functional.max_pool2d(functional.relu(self.norm(self.stem(x))), 2)
        x = self.reduce(x + self.block(x))
        return functional.softmax(self.head(x.flatten(1)), dim=1)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_probabilities_are_those_of_pytorch(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(1)
    network, path = Network(), tmp_path / f"net{suffix}"
    digits, _ = draw_digits(np.arange(20) % 10, seed=1)
    inputs = torch.tensor((digits[:, None] / 255 - 0.5) / 0.25, dtype=torch.float32)
    network(inputs)  # moves the running statistics
    network.eval()
    arrays = network.state_dict()
    if suffix == ".npz":
        np.savez(path, **{name: array.numpy() for name, array in arrays.items()})
    else:
        pytest.importorskip("safetensors.torch", reason="pip install safetensors").save_file(
            arrays, path
        )
    model = import_weights(path, read_config(CONFIG), Greys(moments=(0.5, 0.25))).model
    expected = network(inputs).detach().numpy()
    np.testing.assert_allclose(model.probabilities(digits), expected, atol=1e-5)
