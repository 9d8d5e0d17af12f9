"""The worked examples: their numbers as they are derived by hand, and what users see of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.loading import load_config
from bpnet.config.presets import describe, example_paths, find_config, preset_paths
from bpnet.data.load import load_dataset
from bpnet.model.checkpoint import load_checkpoint
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.training.run import prepare_model
from tests.helpers.tiny import fail, succeed

NAMES = (
    *("chain", "conv", "keras", "keras-classes", "neuron", "neuron-cross-entropy"),
    *("random-convolution", "residual", "sigmoid", "two-layer", "two-paths"),
)


@dataclass(frozen=True)
class Pass:
    """Hold all numbers of one forward and backward pass over a whole table, sample first."""

    outputs: list[Array]
    loss: float
    gradients: dict[str, Array]
    grad_input: Array


def look_at(name: str) -> Pass:
    """Run an example's starting weights forward and backward, every layer by itself."""
    config = load_config(name)
    dataset = load_dataset(config)
    model = prepare_model(config, dataset)
    start = model.network.parameters.flat.copy()
    network = Sequential(model.network.layers, model.network.loss, np.float64)
    network.parameters.flat[:] = start
    batch = len(dataset.train.inputs)
    workspace = Workspace(network, batch, training=True, wants_input_gradient=True)
    caches = workspace.caches(batch)
    x = np.ascontiguousarray(np.moveaxis(dataset.train.inputs, 0, -1))
    outputs = []
    for stage, cache in zip(network.stages, caches.stages, strict=True):
        x = stage.layer.forward(x, cache)
        outputs.append(np.moveaxis(x, -1, 0).copy())
    total = network.loss.forward(x, dataset.train.targets, caches.loss)
    grad_input = network.backward(network.loss.backward(x, caches.loss, batch), caches)
    assert workspace.gradients is not None
    gradients = {role: values.copy() for role, values in workspace.gradients.views.items()}
    return Pass(outputs, total / batch, gradients, np.moveaxis(grad_input, -1, 0).copy())


def trained(name: str, tmp_path: Path, *words: object) -> dict[str, NDArray[Any]]:
    """Train an example with the command line and return its parameters."""
    succeed("train", "--config", name, "--run-dir", tmp_path / "run", *words)
    return load_checkpoint(tmp_path / "run" / "last.npz").model().network.parameters.views


def traced_step(name: str, *words: object) -> dict[str, Any]:
    """Return the first step of an example's trace."""
    (step,) = json.loads(succeed("trace", name, *words, "--json").out)["steps"]
    assert isinstance(step, dict)
    return step


def history(run_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


# Names


def test_these_examples_are_found_by_name() -> None:
    assert tuple(example_paths()) == NAMES
    for name in NAMES:
        assert find_config(name).parts[-3:] == ("configs", "examples", f"{name}.ini")
    assert not set(example_paths()) & set(preset_paths())


def test_a_file_of_that_name_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chain").write_text("", encoding="utf-8")
    assert find_config("chain") == Path("chain")


def test_a_misspelt_example_gets_the_nearest_name() -> None:
    message = fail(2, "summary", "two-path")
    assert "did you mean two-paths?" in message
    assert "quickstart" in message  # presets
    assert "two-layer" in message  # and examples are offered


@pytest.mark.parametrize("name", NAMES)
def test_every_example_says_what_it_is_and_learns(name: str, tmp_path: Path) -> None:
    assert len(describe(example_paths()[name])) > 30
    config = load_config(name)
    assert (config.model.dtype, config.train.shards) == ("float64", 1)
    said = json.loads(
        succeed("train", "--config", name, "--run-dir", tmp_path / "run", "--json").out
    )
    first = history(tmp_path / "run")[0]["train_loss"]
    if name == "chain":  # whose one step is too long
        assert said["test_loss"] == pytest.approx((2 * (34 + 25) * 33.2 - 500) ** 2)
    else:
        assert said["test_loss"] < 0.2 * first


# 1: the chain rule


def test_chain_has_these_gradients_and_weights_exactly(tmp_path: Path) -> None:
    seen = look_at("chain")
    assert [float(output.item()) for output in seen.outputs] == [11, 220, 440]
    assert seen.loss == 3600
    assert {name: float(values.item()) for name, values in seen.gradients.items()} == {
        "1.weight": -4800,
        "1.bias": -4800,
        "2.weight": -2640,
    }
    assert seen.grad_input.item() == -4800 * 10
    after = trained("chain", tmp_path)
    assert {name: float(values.item()) for name, values in after.items()} == {
        "1.weight": 34,
        "1.bias": 25,
        "2.weight": 33.2,
    }


# 2: a filter


def test_conv_adds_up_what_each_weight_meets_at_its_four_places(tmp_path: Path) -> None:
    seen = look_at("conv")
    picture = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    np.testing.assert_array_equal(seen.outputs[0], [[[[5, 8], [14, 17]]]])
    output = (5 + 8 + 14 + 17) / 4
    assert seen.outputs[-1].item() == output == 11
    for row in range(2):
        for column in range(2):
            met = sum(picture[i + row][j + column] for i in range(2) for j in range(2))
            expected = 2 * (output - 10) * met / 4
            assert seen.gradients["1.weight"][0, 0, row, column] == expected
    np.testing.assert_array_equal(seen.gradients["1.weight"], [[[[6, 8], [12, 14]]]])
    after = trained("conv", tmp_path, "--epochs", 1)["1.weight"]
    np.testing.assert_allclose(after, [[[[1.97, 0.96], [-1.06, 0.93]]]], rtol=1e-14)


def test_every_step_of_conv_leaves_a_tenth_of_the_error(tmp_path: Path) -> None:
    trained("conv", tmp_path)
    losses = [epoch["train_loss"] for epoch in history(tmp_path / "run")]
    assert losses == pytest.approx([1, 1e-2, 1e-4, 1e-6, 1e-8], rel=1e-6)


def test_a_random_filter_is_drawn_by_the_seed(tmp_path: Path) -> None:
    first, again, other = (
        traced_step("random-convolution", "--set", f"train.seed={seed}") for seed in (1, 1, 2)
    )
    assert first == again != other
    drawn = first["parameters"]["1.weight"]["before"], first["parameters"]["1.bias"]["before"]
    np.testing.assert_array_equal(np.round(drawn[0], 2), [[[[0.96, 0.03], [1.32, 0.55]]]])
    np.testing.assert_array_equal(np.round(drawn[1], 2), [-0.24])
    outputs = [np.round(layer["output"], 2) for layer in first["layers"]]
    np.testing.assert_array_equal(outputs[0], [[[[8.81, 11.66], [17.37, 20.23]]]])
    assert outputs[-1].item() == 14.52
    for step in (first, other):
        slope = 2 * (step["layers"][-1]["output"][0][0] - 10)
        expected = slope * np.array([[[[12, 16], [24, 28]]]]) / 4
        np.testing.assert_allclose(step["parameters"]["1.weight"]["grad"], expected, rtol=1e-13)
        np.testing.assert_allclose(step["parameters"]["1.bias"]["grad"], [slope], rtol=1e-13)
    trained("random-convolution", tmp_path)
    losses = [epoch["train_loss"] for epoch in history(tmp_path / "run")]
    assert losses[0] == pytest.approx(first["loss"], rel=1e-12)
    assert losses[1:] == pytest.approx([loss * 0.11**2 for loss in losses[:-1]], rel=1e-6)
    assert 10 + -np.sqrt(losses[1]) == pytest.approx(9.50, abs=0.005)


# 3: the lectures' network


def test_sigmoid_gives_the_numbers_of_the_lectures() -> None:
    seen = look_at("sigmoid")
    found = [np.round(output, 2).tolist() for output in seen.outputs[1::2]]
    assert [answers[0] for answers in found] == [[0.98, 0.12], [0.86, 0.11], [0.62, 0.83]]
    assert [answers[1] for answers in found] == [[0.73, 0.50], [0.72, 0.12], [0.51, 0.85]]
    assert [answers[2] for answers in found] == [[0.50, 0.73], [0.57, 0.15], [0.39, 0.88]]
    assert seen.loss == pytest.approx(0.25, abs=0.005)


def test_sigmoid_has_the_output_error_of_the_textbook() -> None:
    seen = look_at("sigmoid")
    a = seen.outputs[-1]
    delta = (a - np.array([[1, 0], [0, 1], [1, 1]])) * a * (1 - a)  # BP1
    np.testing.assert_allclose(seen.gradients["5.bias"], delta.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        seen.gradients["5.weight"], delta.T @ seen.outputs[3] / 3, rtol=1e-12
    )


def test_two_hundred_steps_of_sigmoid_lower_the_loss_as_told(tmp_path: Path) -> None:
    trained("sigmoid", tmp_path)
    assert history(tmp_path / "run")[-1]["train_loss"] == pytest.approx(0.006, abs=0.0005)


# 4: two ways


def test_the_gradients_of_two_paths_add_up(tmp_path: Path) -> None:
    seen = look_at("two-paths")
    values = [output[0].tolist() for output in seen.outputs]
    assert values == [[3], [6, -2], [6, -1], [6]]
    assert seen.loss == 1
    from_loss = 2 * (6 - 5)
    upper = from_loss * 2 * 1 * 2
    lower = from_loss * 6 * 0.5 * -1
    assert (upper, lower) == (8, -6)
    assert seen.gradients["1.weight"].item() == (upper + lower) * 2 == 4
    assert seen.gradients["2.weight"].ravel().tolist() == [12, 18]
    assert seen.gradients["2.bias"].tolist() == [4, 6]
    assert seen.gradients["4.weight"].ravel().tolist() == [12, -2]
    assert seen.grad_input.item() == (upper + lower) * 1.5
    assert trained("two-paths", tmp_path, "--epochs", 1)["1.weight"].item() == 1.496


def test_a_closed_block_hands_on_what_comes_past_it(tmp_path: Path) -> None:
    seen = look_at("residual")
    assert seen.outputs[-1].ravel().tolist() == [5, -2]
    assert seen.outputs[-2].ravel().tolist() == [3, 0]
    assert seen.loss == (4.5 + 2) / 2
    first, second = -3 * 1.5 - 3, 0 + 2
    assert seen.gradients["1.weight"].item() == (first * 1 + second * -1) / 2 == -4.75
    assert (seen.grad_input.ravel() * 2).tolist() == [first * 2, second * 2]
    assert trained("residual", tmp_path, "--epochs", 1)["1.weight"].item() == 2.475


# 5: two layers


def test_two_layer_has_the_gradients_of_its_letters(tmp_path: Path) -> None:
    seen = look_at("two-layer")
    (i1, i2), (w1, w2, w3, w4), (v1, v2, v3, v4) = (1, 2), (3, -1, 1, 0.5), (2, -1, 1, -0.5)
    h1, h2 = i1 * w1 + i2 * w2, i1 * w3 + i2 * w4
    assert seen.outputs[0][0].tolist() == [h1, h2] == [1, 2]
    assert seen.outputs[2][0].tolist() == [0.5, 0.5]
    assert seen.loss == 0.25
    by_y1 = (0.5 - 1) * 0.5 * (1 - 0.5)  # ∂E/∂Y1 · ∂Y1/∂y1
    by_y2 = (0.5 - 0) * 0.5 * (1 - 0.5)
    by_h1, by_h2 = by_y1 * v1 + by_y2 * v3, by_y1 * v2 + by_y2 * v4
    assert seen.gradients["2.weight"].tolist() == [
        [by_y1 * h1, by_y1 * h2],
        [by_y2 * h1, by_y2 * h2],
    ]
    assert seen.gradients["2.weight"].tolist() == [[-0.125, -0.25], [0.125, 0.25]]
    assert seen.gradients["1.weight"].tolist() == [
        [by_h1 * i1, by_h1 * i2],
        [by_h2 * i1, by_h2 * i2],
    ]
    assert seen.gradients["1.weight"].tolist() == [[-0.125, -0.25], [0.0625, 0.125]]
    after = trained("two-layer", tmp_path, "--epochs", 1)
    assert (after["1.weight"][0, 0], after["2.weight"][0, 0]) == (3.0625, 2.0625)


# 6: Keras


def test_fifty_epochs_of_keras_lower_the_loss_and_tell_both_metrics(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    said = succeed("train", "--config", "keras", "--run-dir", run_dir).out
    losses = [epoch["train_loss"] for epoch in history(run_dir)]
    assert len(losses) == 50
    assert losses[0] > 0.14
    assert losses[-1] < 0.03
    score = json.loads(succeed("eval", run_dir, "--json").out)
    assert score["mse"] == score["loss"] < 0.03
    assert 0.05 < score["mae"] < 0.2
    assert f"mae {score['mae']:.6g}, mse {score['mse']:.6g}" in said
    lines = [line.split() for line in succeed("eval", run_dir).out.splitlines()]
    assert ["mae", f"{score['mae']:.6g}"] in lines
    assert ["mse", f"{score['mse']:.6g}"] in lines


def test_the_classification_twin_answers_everything_right(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    assert (
        "on the table itself: accuracy 100.00 %"
        in succeed(*("train", "--config", "keras-classes", "--run-dir", run_dir)).out
    )
    epochs = history(run_dir)
    assert epochs[0]["train_accuracy"] < 1
    assert epochs[-1]["train_accuracy"] == 1
    assert json.loads(succeed("eval", run_dir, "--json").out)["accuracy"] == 1
    assert "accuracy  100.00 %" in succeed("eval", run_dir, "--min-accuracy", 1).out


# 7: two costs


def test_the_neuron_learns_slowly_by_the_quadratic_cost_and_fast_by_cross_entropy() -> None:
    a = 1 / (1 + np.exp(-4))  # σ(2·1 + 2) = 0.98
    quadratic, cross_entropy = look_at("neuron"), look_at("neuron-cross-entropy")
    assert quadratic.outputs[-1].item() == pytest.approx(a, rel=1e-14)
    assert quadratic.gradients["1.weight"].item() == pytest.approx(a * a * (1 - a), rel=1e-12)
    assert cross_entropy.gradients["1.weight"].item() == pytest.approx(a, rel=1e-12)


def test_the_neuron_twins_end_where_the_arithmetic_says(tmp_path: Path) -> None:
    for name, slope in (("neuron", lambda a: a * (1 - a)), ("neuron-cross-entropy", lambda a: 1)):
        w = b = 2.0
        outputs = []
        for _ in range(300):
            a = 1 / (1 + np.exp(-(w + b)))
            outputs.append(a)
            w, b = w - 0.15 * a * slope(a), b - 0.15 * a * slope(a)
        (tmp_path / name).mkdir()
        after = trained(name, tmp_path / name)
        assert after["1.weight"].item() == pytest.approx(w, rel=1e-10)
        assert after["1.bias"].item() == pytest.approx(b, rel=1e-10)
        at_150 = 0.93 if name == "neuron" else 0.03
        assert outputs[150] == pytest.approx(at_150, abs=0.005)
        assert 1 / (1 + np.exp(-(w + b))) == pytest.approx(
            0.20 if name == "neuron" else 0.01, abs=0.005
        )
