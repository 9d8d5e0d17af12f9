"""The gradient of an answer by its picture, against central differences in evaluation."""

import numpy as np
import pytest

from bpnet.model.inputs import Normalization
from bpnet.model.model import Model, build_network
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Workspace
from bpnet.report.page.input_gradient import input_gradients
from tests.helpers.tiny import read_config

LAYERS = {
    "convolutions": "conv 4 kernel=3 | batchnorm | tanh | dropout 0.4 | avgpool 2 | batchnorm | "
    "flatten | linear 5 | batchnorm | sigmoid | linear 3",
    "residual": "conv 3 kernel=3 | residual | batchnorm | tanh | conv 3 kernel=3 padding=1 | end | "
    "flatten | dropout 0.2 | linear 3",
}


@pytest.mark.parametrize("name", LAYERS)
def test_it_is_the_slope_of_the_output_in_evaluation(name: str) -> None:
    lines = "".join(f"\n    {line}" for line in LAYERS[name].split(" | "))
    config = read_config(f"[model]\ndtype = float64\nlayers ={lines}\n")
    network = build_network(config, (1, 7, 6), 3, fast=False)
    rng = np.random.default_rng(1)
    network.parameters.flat[...] = rng.normal(size=network.parameters.flat.size) / 2
    network.state.flat[...] = rng.uniform(0.5, 2, network.state.flat.size)
    model = Model(config, network, Normalization(), ("a", "b", "c"))
    samples, classes = rng.normal(size=(4, 1, 7, 6)), np.array([0, 2, 1, 2])
    direction = rng.normal(size=samples.shape)

    def outputs(moved: float) -> Array:
        workspace = Workspace(network, 4, training=False)
        found = model.outputs(samples + moved * direction, workspace)
        of_classes: Array = found[classes, np.arange(4)].copy()
        return of_classes

    found = (input_gradients(model, samples, classes) * direction).reshape(4, -1).sum(axis=1)
    expected = (outputs(1e-6) - outputs(-1e-6)) / 2e-6
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)
