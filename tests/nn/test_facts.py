"""What must stand on the class of every layer and loss, and that a new one is a single file."""

import inspect
import math
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpnet.nn
from bpnet.config.layer_lines import read_layer, usage
from bpnet.nn import registry
from bpnet.nn.activation import ReLU
from bpnet.nn.facts import Mistake, factor, number
from bpnet.nn.layer import Layer
from bpnet.nn.memory import Memory, Room
from bpnet.nn.pool import MaxPool
from bpnet.nn.registry import build_loss, find_layer, find_loss, layer_types, loss_types
from bpnet.nn.residual import ResidualCache
from bpnet.nn.sliding_pool import SlidingMaxPool
from bpnet.teach.gradcheck.gradcheck import run_gradcheck
from bpnet.teach.trace.trace import trace
from tests.helpers.gradients import Trial
from tests.helpers.layer_cases import MAKERS
from tests.helpers.tiny import read_config

SCOPES = ("identity", "element", "sample", "batch")
KINDS = tuple(layer_types())
every_kind = pytest.mark.parametrize("kind", KINDS)


def missing_facts(layer: type[Layer[Any]]) -> list[str]:
    """Return what is not said, or not said rightly, on the class of a layer."""
    missing = []
    if "kind" not in vars(layer) or layer.kind != layer.kind.lower():
        missing.append("kind")
    if layer.scope not in SCOPES:
        missing.append("scope")
    if not isinstance(vars(layer).get("mistake"), Mistake):
        missing.append("mistake")  # one of its own: that of a base class may be none here
    if not layer.__doc__ or "`" not in layer.__doc__:
        missing.append("equation")
    if "formulas" not in vars(layer):
        missing.append("formulas")
    arguments = list(inspect.signature(layer).parameters)
    if arguments != ["input_shape", *(option.argument for option in layer.options)]:
        missing.append("options")
    return missing


@every_kind
def test_the_facts_of_a_layer_are_complete(kind: str) -> None:
    assert missing_facts(layer_types()[kind]) == []


@pytest.mark.parametrize("fact", ["kind", "mistake", "formulas", "equation", "options", "scope"])
def test_a_missing_fact_is_noticed(fact: str) -> None:
    class Half(ReLU):
        """Apply ReLU: `a = max(z, 0)`."""

        kind = "half"
        mistake = ReLU.mistake

        def formulas(self) -> Any:
            return super().formulas()

    assert missing_facts(Half) == []
    if fact == "equation":
        Half.__doc__ = "Apply ReLU."
    elif fact == "options":

        def start(self: Any, input_shape: Any, slope: float) -> None:
            ReLU.__init__(self, input_shape)

        Half.__init__ = start  # type: ignore[method-assign, assignment]
    elif fact == "scope":
        Half.scope = "neighbours"  # type: ignore[assignment]
    else:
        delattr(Half, fact)
    assert missing_facts(Half) == [fact]


@every_kind
def test_formulas_tell_the_gradient_of_every_parameter(kind: str) -> None:
    for seed in range(4):
        layer = MAKERS[kind](np.random.default_rng(seed))
        formulas = layer.formulas()
        assert formulas.gradients.keys() == layer.parameter_shapes.keys()
        assert all((formulas.forward, formulas.derivative, formulas.backward))
        if layer.scope in ("identity", "element"):
            assert formulas.error is not None


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (kind, place)
        for kind, layer in layer_types().items()
        for place in range(1 + len(layer.other_mistakes))
    ],
)
def test_a_planted_mistake_changes_a_gradient(kind: str, place: int) -> None:
    rng = np.random.default_rng(5)
    trial = Trial(MAKERS[kind](rng), rng)
    mistake = (trial.layer.mistake, *trial.layer.other_mistakes)[place]
    x = rng.normal(size=(*trial.layer.input_shape, 4))
    grad_output = rng.normal(size=(*trial.layer.output_shape, 4))
    cache = trial.cache(4)
    if isinstance(cache, ResidualCache):
        cache.grad_past = rng.normal(size=x.shape)
    right = trial.run(x, grad_output, cache)
    trial.forward(x, cache)
    grad_input = mistake.backward(trial.layer, grad_output, cache)
    same = [np.allclose(grad_input, right["input"], rtol=1e-5)]
    same += [np.allclose(trial.gradients[role], right[role], rtol=1e-5) for role in trial.gradients]
    assert not all(same)


@pytest.mark.parametrize("kind", loss_types())
def test_every_mistake_of_a_loss_changes_its_gradient(kind: str) -> None:
    assert isinstance(vars(loss_types()[kind]).get("mistake"), Mistake)
    loss = build_loss(kind, 3)
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=(3, 4)), np.array([0, 2, 1, 1])
    cache = loss.allocate(Room(4, Memory(np.float64, training=True)))
    loss.forward(outputs, targets, cache)
    right = loss.backward(outputs, cache, 4).copy()
    for mistake in (loss.mistake, *loss.other_mistakes):
        loss.forward(outputs, targets, cache)
        assert not np.allclose(mistake.backward(loss, outputs, cache, 4), right, rtol=1e-5)


@every_kind
def test_what_a_layer_mixes_is_what_it_says(kind: str) -> None:
    """Change one number of one sample, and see which outputs change."""
    rng = np.random.default_rng(2)
    trial = Trial(MAKERS[kind](rng), rng)
    x = rng.normal(size=(*trial.layer.input_shape, 3))
    before = trial.forward(x, trial.cache(3)).copy()
    x.reshape(-1, 3)[0, 1] += 0.3
    changed = trial.forward(x, trial.cache(3)).reshape(-1, 3) != before.reshape(-1, 3)
    if trial.layer.scope == "batch":
        assert changed[:, [0, 2]].any()
        return
    assert not changed[:, [0, 2]].any()
    if trial.layer.scope in ("identity", "element"):
        assert not changed[1:].any()
    elif trial.layer.input_shape == trial.layer.output_shape and len(changed) > 1:
        assert changed[1:].any()


@every_kind
def test_every_kind_is_found_by_its_name(kind: str) -> None:
    layer = layer_types()[kind]
    assert find_layer(kind, [option.name for option in layer.options]) is layer


def test_of_two_layers_the_simple_one_is_found_that_takes_all_values() -> None:
    assert find_layer("maxpool") is find_layer("maxpool", ["size"]) is MaxPool
    for values in (["stride"], ["padding", "size"], ["unknown"]):
        assert find_layer("maxpool", values) is SlidingMaxPool


def test_every_loss_is_found_by_its_name() -> None:
    for kind, loss in loss_types().items():
        assert find_loss(kind) is loss


def test_a_line_says_what_it_takes() -> None:
    texts = {kind: usage(layer) for kind, layer in layer_types().items()}
    assert texts["conv"] == "conv OUT kernel=… [stride=…] [padding=…] [bias=…]"
    assert texts["elu"] == "elu [alpha=…]"
    assert texts["gelu"] == "gelu"
    assert read_layer("elu alpha=0.5").options == {"alpha": 0.5}
    with pytest.raises(ValueError, match="a number of at least 0"):
        read_layer("elu alpha=-1")


def test_numbers_in_formulas_have_a_true_minus_and_brackets_only_where_needed() -> None:
    values = [-1.5, -0.0, 0.0, 2.0, 1 / 3]
    assert [number(value) for value in values] == ["−1.5", "0", "0", "2", "0.333333"]
    assert [factor(value) for value in values] == ["(−1.5)", "0", "0", "2", "0.333333"]


def test_what_is_no_kind_is_not_found() -> None:
    for name in ("layer", "memory", "sequential", "registry", "os", "..", "gelu.GELU", "", "Conv"):
        assert find_layer(name) is None
        assert find_loss(name) is None
    assert set(loss_types()) == {"cross_entropy", "mse", "quadratic", "binary_cross_entropy"}


# A new activation is one file


SWISH = '''
"""Weight each activation by its sigmoid."""

import numpy as np

from bpnet.nn.activation import Activation, sigmoid
from bpnet.nn.facts import Formulas, Mistake


class Swish(Activation):
    """Apply `a = z σ(z)`, `∂z = δ ⊙ (σ(z) + a (1 − σ(z)))`."""

    kind = "swish"
    mistake = Mistake("it is that of the identity", lambda layer, grad_output, cache: grad_output)

    def forward(self, x, cache):
        if cache.scratch.size:
            sigmoid(x, out=cache.scratch)
        return np.multiply(x, sigmoid(x, out=cache.output), out=cache.output)

    def backward(self, grad_output, cache):
        slope = cache.scratch + cache.output * (1 - cache.scratch)
        return np.multiply(grad_output, slope, out=cache.grad_input)

    def formulas(self):
        return Formulas(
            "a = z σ(z)", "σ(z) + a (1 − σ(z))", "∂z = δ ⊙ (σ(z) + a (1 − σ(z)))",
            error="{error} ⊙ swish'({z})",
        )
'''
TABLE = """
[data]
dataset = table
inputs = 1 -1
targets = 1
[model]
layers =
    linear 2
    swish
    linear 1
init = glorot
[train]
loss = mse
"""


@pytest.fixture
def swish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put one more file beside those of the folder."""
    (tmp_path / "swish.py").write_text(textwrap.dedent(SWISH), encoding="utf-8")
    monkeypatch.setattr(bpnet.nn, "__path__", [*bpnet.nn.__path__, str(tmp_path)])
    registry.file_names.cache_clear()
    yield
    registry.file_names.cache_clear()


@pytest.mark.usefixtures("swish")
def test_a_new_activation_is_one_file() -> None:
    config = read_config(TABLE)
    assert missing_facts(layer_types()["swish"]) == []
    assert run_gradcheck(config, seconds=0.01).passed
    assert not run_gradcheck(config, "2.swish", seconds=0.01).passed
    [step] = trace(config, 1)
    assert [equation.formula for equation in step.equations if equation.label == "BP2"] == [
        "((3.weight)ᵀ δ of 3.linear) ⊙ swish'(z)"
    ]
    assert all(math.isfinite(value) for value in step.parameters["1.weight"].after.flat)
    units = read_config(TABLE, "train.split=units")
    assert run_gradcheck(units, seconds=0.01).passed
