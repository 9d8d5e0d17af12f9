"""Which array becomes which parameter: by names, by shapes, by order; and what does not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.errors import CheckpointError
from bpnet.export.state_dict import state_dict
from bpnet.foreign_weights.matching import Match, match
from bpnet.foreign_weights.weights import Weights
from bpnet.model.forms import Form
from tests.helpers.random_model import NETS, random_model

PERCEPTRON = "flatten | linear 9 | relu | linear 9 | relu | linear 9 | relu | linear 3"


def weights(shapes: dict[str, tuple[int, ...]], *, in_order: bool = False) -> Weights:
    forms = {name: Form("<f4", shape) for name, shape in shapes.items()}
    return Weights(Path("a.npz"), forms, lambda name: np.zeros(shapes[name]), in_order)


def matched(lines: str, shapes: dict[str, Any], *, in_order: bool = False) -> Match:
    layers = random_model(lines, "mse").network.layers
    return match(layers, weights(shapes, in_order=in_order))


def own_shapes(lines: str) -> dict[str, tuple[int, ...]]:
    network = random_model(lines, "mse").network
    return {name: array.shape for name, array in state_dict(network).items()}


def renamed(lines: str, names: dict[str, str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network whose modules have other names."""
    return {
        f"{names[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": shape
        for name, shape in own_shapes(lines).items()
    }


@pytest.mark.parametrize("name", NETS)
def test_exported_names_decide(name: str) -> None:
    shapes = own_shapes(NETS[name])
    backwards = dict(reversed(shapes.items()))
    found = matched(NETS[name], backwards, in_order=True)
    assert {ours.rpartition(".")[2].replace("riance", "r") for ours in found.names} == {
        theirs.rpartition(".")[2] for theirs in found.names.values()
    }
    assert set(found.names.values()) == {one for one in shapes if "tracked" not in one}
    assert found.warnings == []


def test_modules_are_told_by_their_shapes() -> None:
    names = {"0": "features.stem", "1": "features.norm", "4": "classifier.a", "5": "b", "6": "head"}
    found = matched(NETS["channels"], renamed(NETS["channels"], names)).names
    assert found["1.weight"] == "features.stem.weight"
    assert found["2.running_variance"] == "features.norm.running_var"
    assert found["5.weight"] == "classifier.a.weight"
    assert found["6.bias"] == "b.bias"
    assert found["7.weight"] == "head.weight"


def test_modules_of_one_shape_are_sorted_by_their_numbers() -> None:
    names = {"1": "fc1", "3": "fc2", "5": "fc10", "7": "out"}
    found = matched(PERCEPTRON, dict(sorted(renamed(PERCEPTRON, names).items())))
    assert [found.names[f"{place}.weight"] for place in (2, 4, 6, 8)] == [
        f"{name}.weight" for name in names.values()
    ]
    assert found.warnings == []


def test_an_order_that_only_the_alphabet_tells_is_a_warning() -> None:
    names = {"1": "first", "3": "zweite", "5": "third", "7": "out"}
    (warning,) = matched(PERCEPTRON, renamed(PERCEPTRON, names)).warnings
    assert "third, zweite have the same shapes" in warning
    found = matched(PERCEPTRON, renamed(PERCEPTRON, names), in_order=True)
    assert (found.names["4.weight"], found.warnings) == ("zweite.weight", [])


def test_arrays_without_names_are_taken_in_order() -> None:
    shapes = {f"arr_{n}": shape for n, shape in enumerate(own_shapes(PERCEPTRON).values())}
    found = matched(PERCEPTRON, shapes, in_order=True).names
    assert list(found.items())[:3] == [
        ("2.weight", "arr_0"),
        ("2.bias", "arr_1"),
        ("4.weight", "arr_2"),
    ]


def refused(lines: str, shapes: dict[str, Any]) -> str:
    with pytest.raises(CheckpointError) as caught:
        matched(lines, shapes)
    return str(caught.value)


def test_what_does_not_fit_shows_both_sides() -> None:
    shapes = own_shapes(PERCEPTRON)
    for wrong in (
        shapes | {"1.weight": (8, 72)},
        shapes | {"8.weight": (3, 3)},
        {name: shape for name, shape in shapes.items() if name != "3.bias"},
        {f"x.{name}": shape for name, shape in shapes.items() if not name.startswith("7")},
        {},
    ):
        message = refused(PERCEPTRON, wrong)
        assert "the weights do not fit the network" in message
        assert "2.linear: weight (9, 72), bias (9,)" in message
        assert "--config" in message


def test_transposed_matrices_are_named() -> None:
    shapes = {name: shape[::-1] for name, shape in own_shapes(PERCEPTRON).items()}
    assert "transpose the matrices" in refused(PERCEPTRON, shapes)


def test_a_thousand_wrong_modules_make_a_short_message() -> None:
    message = refused(PERCEPTRON, {f"{n}.weight": (n, n) for n in range(1000)})
    assert "and 980 more" in message
    assert len(message) < 5000
