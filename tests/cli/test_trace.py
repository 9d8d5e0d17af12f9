"""`bpnet trace`: what it says, how wide it is, and what it refuses."""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from bpnet.config.layer_lines import read_layer
from bpnet.config.network import build_layer, known_input_shape, known_outputs
from bpnet.config.presets import example_paths
from bpnet.config.settings import Config
from bpnet.model.model import build_network
from bpnet.nn.facts import number
from bpnet.nn.registry import build_loss, layer_types, loss_types
from bpnet.teach.trace.update_rule import update_rule
from bpnet.training.optimizers import build_optimizer
from tests.helpers.tiny import call, config_file, fail, read_config, succeed
from tests.teach.trace.test_trace import CHAIN, TABLE


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def document(source: object, *words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed("trace", source, *words, "--json").out)
    return found


def test_the_chain_is_read_from_top_to_bottom(tmp_path: Path) -> None:
    text = succeed("trace", config_file(tmp_path, CHAIN)).out
    assert [line.rstrip() for line in text.splitlines()] == text.splitlines()
    assert len(text.splitlines()) <= 45
    assert text == inspect.cleandoc(EXPECTED) + "\n"


EXPECTED = """
step 1, epoch 1: learning rate η = 0.005, sample 1

forward
  layer     shape  formula                         output
  input     1                                           1
  1.linear  1      z = W a + b                         11
  2.linear  1      z = W a                            220
  3.scale   1      y = c x, c = 2                     440
  target y  1                                         500
  loss             C = Σ_i (a_i − y_i)² / outputs    3600

backward: local derivative · δ = product, passed to the layer before
  layer     formula                   local derivative  δ = ∂C/∂output  product
  loss      ∂a = 2 (a − y) / outputs              −120               1     −120
  3.scale   ∂x = c δ                                 2            −120     −240
  2.linear  ∂a = Wᵀ δ                               20            −240    −4800
  1.linear  ∂a = Wᵀ δ                               10           −4800   −48000

parameters: w ← w − η g, η = 0.005
  name      shape  formula    before  gradient g  after
  1.weight  1×1    dW = δ aᵀ      10       −4800     34
  1.bias    1      db = δ 1        1       −4800     25
  2.weight  1×1    dW = δ aᵀ      20       −2640   33.2

the four equations: δ is ∂C/∂z of a layer's z, ∇C is ∂C/∂a of the last output a
  BP1  δ of 2.linear = 2 · ∇C = −240
  BP2  δ of 1.linear = (2.weight)ᵀ δ of 2.linear = −4800
  BP3  ∂C/∂1.bias = δ of 1.linear = −4800
  BP4  ∂C/∂1.weight = (δ of 1.linear) · (input)ᵀ = −4800
  BP4  ∂C/∂2.weight = (δ of 2.linear) · (1.linear)ᵀ = −2640

paths to the loss: rates multiply along each, and their sum is the gradient
  1.weight[1,1] → 1.linear[1] → 2.linear[1] → 3.scale[1] → loss
      1 · 20 · 2 · (−120) = −4800
  sum −4800 = gradient
  1.bias[1] → 1.linear[1] → 2.linear[1] → 3.scale[1] → loss
      1 · 20 · 2 · (−120) = −4800
  sum −4800 = gradient
  2.weight[1,1] → 2.linear[1] → 3.scale[1] → loss
      11 · 2 · (−120) = −2640
  sum −2640 = gradient
"""


def test_several_samples_are_named_by_their_line_of_the_table(tmp_path: Path) -> None:
    text = succeed("trace", config_file(tmp_path, TABLE)).out
    samples = text.splitlines()[0].partition("samples ")[2].split(", ")
    assert len(samples) == 3
    for sample in samples:
        assert f"  sample {sample}  " in text
        assert f"  sample {sample}: 1.weight[1,1] → 1.linear[1] → 2.tanh[1] → " in text
    assert "mean C = Σ losses / samples" in " ".join(text.split())
    assert "∂a = 2 (a − y) / (outputs · samples)" in text


def test_steps_follow_each_other(tmp_path: Path) -> None:
    text = succeed("trace", config_file(tmp_path, CHAIN), "--steps", 3).out
    headings = [line for line in text.splitlines() if line.startswith("step ")]
    assert [line.partition(",")[0] for line in headings] == ["step 1", "step 2", "step 3"]


def test_settings_may_be_changed(tmp_path: Path) -> None:
    words = ("--set", "optimizer.name=adam", "--set", "train.grad_clip=2")
    text = succeed("trace", config_file(tmp_path, CHAIN), *words).out
    assert "parameters: g ← g · min(1, c / ‖g‖), c = 2" in text
    assert "w ← w − η m̂ / (√ŝ + ε)" in text
    assert "mean m" in text
    assert "square s" in text
    norm = (4800**2 + 4800**2 + 2640**2) ** 0.5
    assert f"‖g‖ = {norm:.6g}, so g is multiplied by {2 / norm:.6g}" in text


def test_what_is_not_listed_is_told(tmp_path: Path) -> None:
    config = config_file(tmp_path, TABLE)
    mixed = succeed("trace", config, "--set", "model.layers=linear 3, batchnorm, linear 2").out
    assert "paths are not listed: 2.batchnorm mixes the samples" in mixed
    assert "running statistics" in mixed
    assert "∂y_i/∂x_j = γ / √(σ² + ε)" in mixed
    many = succeed("trace", config, "--set", "model.layers=linear 2, tanh, linear 3, linear 2").out
    assert "1.weight: 18 paths for each of 4 numbers, not listed" in many  # 3 samples · 3 · 2
    assert "3.weight[1,1] → 3.linear[1] → 4.linear[1] → loss" in many
    words = ("--set", "model.layers=linear 1, relu, linear 2", "--set", "weights.1.weight=0 0")
    cut = succeed("trace", config, *words, "--set", "weights.1.bias=-1").out
    assert "1.bias: every path has a rate of 0, and so every gradient is 0" in cut


def test_numbers_have_six_digits_and_a_true_minus() -> None:
    assert [number(x) for x in (-0.0, -1.5, 1 / 3, 1e-7)] == ["0", "−1.5", "0.333333", "1e−07"]


def test_formulas_are_in_the_letters_of_the_docstrings() -> None:
    lines = {"linear": "linear 2", "conv": "conv 1 kernel=2", "maxpool": "maxpool 2"}
    lines |= {"avgpool": "avgpool 2", "dropout": "dropout 0.5", "scale": "scale 2"}
    for kind in layer_types():
        takes_pictures = kind in ("conv", "flatten") or kind.endswith("pool")
        shape = (1, 4, 4) if takes_pictures else (3,)
        layer = build_layer(read_layer(lines.get(kind, kind)), shape)
        formulas = layer.formulas()
        assert formulas.forward
        assert formulas.derivative
        assert formulas.gradients.keys() == layer.parameter_shapes.keys()
        texts = [one.__doc__ or "" for one in (*type(layer).__mro__, layer.backward)]
        for formula in [formulas.backward, *formulas.gradients.values()]:
            letters = formula.partition(" = ")[2].partition(" at ")[0]
            assert letters in " ".join(texts) or kind == "flatten", (kind, formula)


def test_a_loss_is_divided_by_the_samples_where_there_are_several() -> None:
    several = {name: build_loss(name, 3).formulas(2).backward for name in loss_types()}
    assert several == {
        "mse": "∂a = 2 (a − y) / (outputs · samples)",
        "quadratic": "∂a = (a − y) / samples",
        "cross_entropy": "∂z = (softmax(z) − y) / samples",
        "binary_cross_entropy": "∂z = (σ(z) − y) / (outputs · samples)",
    }
    assert build_loss("quadratic", 3).formulas(1).backward == "∂a = a − y"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            (),
            [
                "g ← g + λ w, λ = 0.0005, not for biases",
                "v ← μ v − η g, w ← w + μ v − η g, μ = 0.9, η = 0.1",
            ],
        ),
        (("optimizer.nesterov=no", "optimizer.weight_decay=0"), ["v ← μ v − η g, w ← w + v, μ"]),
        (("optimizer.momentum=0", "optimizer.weight_decay=0"), ["w ← w − η g, η = 0.1"]),
        (
            ("optimizer.momentum=0", "model.layers=linear 2, batchnorm"),
            ["g ← g + λ w, λ = 0.0005, not for biases, γ and β", "w ← w − η g"],
        ),
        (("optimizer.name=adamw",), ["w ← w − η λ w", "m ← β₁ m", "w ← w − η m̂ / (√ŝ + ε)"]),
        (("optimizer.name=adam",), ["g ← g + λ w", "m ← β₁ m", "w ← w − η m̂ / (√ŝ + ε)"]),
        (("optimizer.name=rmsprop",), ["g ← g + λ w", "s ← ρ s + (1 − ρ) g²", "w ← w − η g / (√s"]),
        (("optimizer.name=adagrad",), ["g ← g + λ w", "s ← s + g²", "w ← w − η g / (√s + ε)"]),
    ],
)
def test_the_update_rule_is_that_of_the_optimiser(
    overrides: tuple[str, ...], expected: list[str]
) -> None:
    config: Config = read_config(TABLE, *overrides)
    shape, outputs = known_input_shape(config), known_outputs(config)
    assert shape is not None
    assert outputs is not None
    network = build_network(config, shape, outputs)
    optimizer = build_optimizer(network.parameters, config.optimizer)
    rules = update_rule(network, optimizer, 0.1, 3)
    for rule, start in zip(rules, expected, strict=True):
        assert rule.startswith(start)


def test_the_document_has_the_promised_keys(tmp_path: Path) -> None:
    path = config_file(tmp_path, CHAIN)
    found = document(path, "--steps", 2)
    assert list(found) == ["config", "steps"]
    assert found["config"] == str(path)
    assert len(found["steps"]) == 2
    step = found["steps"][0]
    assert step["loss"] == 3600
    assert [layer["name"] for layer in step["layers"]] == ["1.linear", "2.linear", "3.scale"]
    assert [layer["output"] for layer in step["layers"]] == [[[11]], [[220]], [[440]]]
    assert [layer["grad_output"] for layer in step["layers"]] == [[[-4800]], [[-240]], [[-120]]]
    assert step["layers"][1]["local_derivative"] == {"form": "matrix", "values": [[[20]]]}
    weight = step["parameters"]["1.weight"]
    assert (weight["before"], weight["grad"], weight["after"]) == ([[10]], [[-4800]], [[34]])
    assert step["parameters"]["1.bias"]["grad"] == [-4800]
    assert (step["inputs"], step["targets"]) == ([[1]], [[500]])
    assert step["paths"]["2.weight"][0]["paths"][0] == {
        "sample": 1,
        "through": ["2.weight[1,1]", "2.linear[1]", "3.scale[1]", "loss"],
        "rates": [11, 2, -120],
        "product": -2640,
    }
    assert step["equations"][0]["label"] == "BP1"


def test_what_does_not_apply_is_null(tmp_path: Path) -> None:
    config = config_file(tmp_path, TABLE)
    layers = "model.layers=linear 2, batchnorm, flatten, linear 2"
    (step,) = document(config, "--set", layers)["steps"]
    assert step["gradient_norm"] is None
    assert step["clipping"] is None
    assert step["paths"] is None
    assert step["layers"][2]["local_derivative"] == {"form": "identity", "values": None}
    mixed = step["layers"][1]["local_derivative"]
    assert mixed["form"] == "mixed"
    assert len(mixed["values"]) == len(mixed["values"][0][0]) == 3
    assert step["running"]["2.running_mean"]["before"] == [0, 0]


@pytest.mark.parametrize("name", example_paths())
def test_every_example_can_be_traced(name: str) -> None:
    assert "forward" in succeed("trace", name).out
    assert document(name)["config"] == str(example_paths()[name].absolute())


def test_bad_input_ends_with_one_message(tmp_path: Path) -> None:
    config = config_file(tmp_path, CHAIN)
    assert "no such config" in fail(2, "trace", "nowhere")
    assert "Missing argument" in fail(2, "trace")
    assert "takes a whole number of at least 1, found '0'" in fail(2, "trace", config, "--steps", 0)
    assert "Invalid value for '--only'" in fail(2, "trace", config, "--only", "sideways")
    unknown = fail(2, "trace", config, "--weight", "1.weight[2,1]")
    assert "expected: 1.weight[1,1], 1.bias[1] or 2.weight[1,1]" in unknown
    assert "--json shows all" in fail(2, "trace", config, "--only", "paths", "--json")
    assert "[train] epoch is unknown" in fail(2, "trace", config, "--set", "train.epoch=3")
    words = ("--set", "optimizer.learning_rate=1e60", "--steps", 3)
    answer = call("trace", config, *words, "--json")
    assert (answer.code, answer.out) == (5, "")
    assert "epoch 3, step 3" in answer.err
