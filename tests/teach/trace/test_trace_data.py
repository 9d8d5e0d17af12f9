"""Traces of networks on data sets: the numbers of training, summed up for a reader."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset
from bpnet.errors import ConfigError
from bpnet.teach.trace.number_text import MOST_SHOWN, parameter, samples
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.trace import trace
from bpnet.text_table import width_of
from tests.conftest import Run
from tests.helpers.places import MNIST_FILES, PROJECT, needs_data
from tests.helpers.tiny import LAYERS, after, draw_dataset, fail, read_config, succeed, train

PICTURES = f"""
[data]
dataset = idx
path = pictures
validation = 20
[model]{LAYERS}
[train]
batch_size = 7
[optimizer]
weight_decay = 0.01
"""
NIELSEN = "layers=flatten, linear 5, sigmoid, linear 3, sigmoid"
DISTORTED = ("augment.shift=1", "augment.rotate=20", "augment.elastic_alpha=5")


def traced(config: Config, steps: int = 1) -> list[StepTrace]:
    return trace(config, steps, lambda _: draw_dataset())


# --- The same numbers as training


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        DISTORTED,
        (f"model.{NIELSEN}", "train.loss=quadratic", "optimizer.momentum=0", *DISTORTED),
        ("data.normalize=unit", "model.layers=conv 2 kernel=3, batchnorm, relu, flatten, linear 3"),
    ],
)
def test_parameters_are_those_of_a_real_run(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    steps = 14  # into the second epoch: 80 samples are left to train on
    config = read_config(PICTURES, *overrides)
    last = traced(config, steps)[-1]
    assert (last.epoch, last.inputs.shape) == (2, (7, 1, 8, 8))
    config = read_config(PICTURES, *overrides, "model.dtype=float64", "train.shards=1")
    network = train(config, tmp_path / "run", should_stop=after(steps)).model.network
    for name, view in network.parameters.views.items():
        found = last.parameters[name].after
        np.testing.assert_allclose(found, view, rtol=0, atol=1e-12, err_msg=name)


def test_inputs_are_the_pictures_as_training_sees_them() -> None:
    plain = read_config(PICTURES, "data.normalize=unit")
    (step,) = traced(plain)
    (distorted,) = traced(read_config(PICTURES, "data.normalize=unit", *DISTORTED))
    index = np.array(step.samples) - 1
    pictures, labels = draw_dataset().train.inputs[index], draw_dataset().train.targets[index]
    np.testing.assert_allclose(step.inputs[:, 0], pictures / 255)
    np.testing.assert_array_equal(step.targets, np.eye(3)[labels])
    assert distorted.samples == step.samples
    assert np.abs(distorted.inputs - step.inputs).max() > 0.1


def test_the_size_is_checked_before_a_known_data_set_is_loaded() -> None:
    def load(config: Config) -> Dataset:
        loaded.append(config.data.dataset)
        return dataclasses.replace(draw_dataset(), name=config.data.dataset)

    loaded: list[str] = []
    for dataset, before in (("mnist", []), ("idx", ["idx"])):
        config = read_config(PICTURES, f"data.dataset={dataset}")
        with pytest.raises(ConfigError, match="too many numbers"):
            trace(config, 1, load, most=500)
        assert loaded == before


def test_a_preset_that_is_too_large_is_refused_though_its_data_are_nowhere() -> None:
    message = fail(2, "trace", "mlp800", "--set", "train.batch_size=1")
    # 784·800 + 800 + 800·10 + 10 parameters thrice, and 784 + 2·(784 + 800 + 800 + 10)
    assert "found: 1,913,602" in message
    assert "try: a smaller network" in message


# --- What stands for many numbers


def text_of(cell: Any) -> str:
    return "\n".join(cell.lines())


def test_few_numbers_are_shown_and_many_summed_up() -> None:
    few = np.arange(MOST_SHOWN, dtype=float).reshape(2, -1)
    assert text_of(samples(few, ["a", "b"])).startswith("a   0   1   2")
    many = np.array([[-1.5, 0.25, 2.0] * 40, [0.0, 1.0, -4.0] * 40])
    assert text_of(samples(many, ["a", "b"])) == "2×120 numbers from −4 to 2, mean −0.375"
    assert text_of(samples(many[:1], [])) == "120 numbers from −1.5 to 2, mean 0.25"
    assert text_of(parameter(many.reshape(2, 4, 30))) == (
        "2×4×30 numbers from −4 to 2, mean −0.375"
    )


@pytest.fixture
def _nielsen(tmp_path: Path, tiny_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work beside a textbook's network for the tiny pictures."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.ini").write_text(
        PICTURES.replace("path = pictures", f"path = {tiny_run.path.parent / 'pictures'}")
        .replace(
            LAYERS, "\n" + NIELSEN.replace("layers=", "layers =\n    ").replace(", ", "\n    ")
        )
        .replace("[train]", "[train]\nloss = quadratic")
    )


@pytest.mark.usefixtures("_nielsen")
@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_reader_gets_sums_and_the_four_equations(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = succeed("trace", "net.ini").out
    words = " ".join(text.split())
    assert max(map(width_of, text.splitlines())) <= max(width, 80)
    assert f"arrays of more than {MOST_SHOWN} numbers are summarised: --json has them all" in words
    assert "7×1×8×8 numbers from " in text
    assert words.count("5×64 numbers from ") == 5  # before, gradient, velocity, after; BP4
    assert words.count("7×5 numbers") == 0  # 35: a reader can take them in
    for equation in (
        "BP1 δ of 4.linear = ∇C ⊙ σ'(z) =",
        "BP2 δ of 2.linear = ((4.weight)ᵀ δ of 4.linear) ⊙ σ'(z) =",
        "BP3 ∂C/∂2.bias = δ of 2.linear, summed over the samples =",
        "BP4 ∂C/∂2.weight = (δ of 2.linear) · (1.flatten)ᵀ, summed over the samples =",
    ):
        assert equation in words


@pytest.mark.usefixtures("_nielsen")
def test_the_document_has_all_numbers(tmp_path: Path) -> None:
    found = json.loads(succeed("trace", "net.ini", "--json").out)
    assert found["config"] == str(tmp_path / "net.ini")
    (step,) = found["steps"]
    assert np.shape(step["inputs"]) == (7, 1, 8, 8)
    weight = step["parameters"]["2.weight"]
    assert [np.shape(weight[name]) for name in ("before", "grad", "after")] == [(5, 64)] * 3
    assert [np.shape(layer["output"]) for layer in step["layers"]] == [
        *((7, 64), (7, 5), (7, 5), (7, 3), (7, 3))
    ]


@needs_data
def test_the_textbooks_network_is_traced_on_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    text = succeed("trace", "nielsen", "--data-dir", MNIST_FILES).out
    assert "step 1, epoch 1: learning rate η = 3, samples " in text
    assert "10×1×28×28 numbers from 0 to 1, mean 0.1" in text
    assert text.count("30×784 numbers from ") == 4
    for label in ("BP1", "BP2", "BP3", "BP4"):
        assert f"  {label}  " in text
    one = succeed("trace", "nielsen", "--data-dir", MNIST_FILES, "--set", "train.batch_size=1").out
    assert len(one.splitlines()) < 200


# --- The guide


def test_the_packages_page_shows_exactly_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    page = (PROJECT / "bpnet" / "README.md").read_text(encoding="utf-8")
    assert f"\n```\n{succeed('trace', 'chain').out}```\n" in page
