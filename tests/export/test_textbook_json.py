"""The textbook's JSON: what its program would answer, and why some networks are none of its."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.errors import ConfigError
from bpnet.export.textbook_json import textbook_json
from bpnet.model.inputs import Normalization
from bpnet.nn.sequential import Workspace
from tests.helpers.random_model import random_model

SIGMOIDS = "flatten | linear 5 | sigmoid | linear 3 | sigmoid"
LOGITS = "flatten | linear 5 | sigmoid | linear 3"


def feedforward(document: dict[str, Any], a: NDArray[Any]) -> NDArray[Any]:
    """Compute as `network2.py` does: columns are samples."""
    for w, b in zip(document["weights"], document["biases"], strict=True):
        a = 1.0 / (1.0 + np.exp(-(np.dot(np.array(w), a) + np.array(b))))
    return a


@pytest.mark.parametrize("normalization", [Normalization(1 / 255), Normalization(0.01, -0.5)])
@pytest.mark.parametrize(
    ("lines", "loss", "cost"),
    [
        (SIGMOIDS, "quadratic", "QuadraticCost"),
        (LOGITS, "binary_cross_entropy", "CrossEntropyCost"),
    ],
)
def test_the_textbooks_program_gives_the_same_outputs(
    lines: str, loss: str, cost: str, normalization: Normalization
) -> None:
    model = random_model(lines, loss, normalization=normalization)
    document = json.loads(textbook_json(model))
    assert (document["sizes"], document["cost"]) == ([72, 5, 3], cost)
    assert np.shape(document["biases"][0]) == (5, 1)
    pictures = np.random.default_rng(2).integers(0, 256, (6, 9, 8), dtype=np.uint8)
    expected = model.outputs(pictures, Workspace(model.network, 6, training=False))
    if loss == "binary_cross_entropy":
        expected = model.network.loss.estimates(expected)
    greys = pictures.reshape(6, -1).T / 255
    np.testing.assert_allclose(feedforward(document, greys), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("lines", "loss", "reason"),
    [
        (SIGMOIDS, "mse", "the cost mse"),
        (LOGITS, "cross_entropy", "the cost cross_entropy"),
        (LOGITS, "quadratic", "no sigmoid after 4.linear"),
        ("flatten | linear 5 | relu | linear 3 | sigmoid", "quadratic", "3.relu where there"),
        ("conv 2 kernel=3 | flatten | linear 3 | sigmoid", "quadratic", "1.conv where there"),
        ("flatten | linear 5 bias=no | sigmoid | linear 3 | sigmoid", "quadratic", "without bias"),
        ("flatten | linear 5 | linear 3 | sigmoid", "quadratic", "3.linear where there"),
    ],
)
def test_other_networks_are_refused_with_the_reason(lines: str, loss: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        textbook_json(random_model(lines, loss))
