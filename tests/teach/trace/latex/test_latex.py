"""Derivations in LaTeX: what they say, and that they would compile."""

import re
from collections.abc import Iterator

import numpy as np
import pytest

from bpnet.config.loading import load_config
from bpnet.config.presets import example_paths
from bpnet.config.settings import Config
from bpnet.nn.layer import Array
from bpnet.nn.registry import build_loss, layer_types, loss_types
from bpnet.teach.trace.latex.document import latex_lines, leaves_out
from bpnet.teach.trace.latex.formula import definitions, latex_formula, right_side
from bpnet.teach.trace.latex.matrix import as_matrix, columns, fits
from bpnet.teach.trace.trace import trace
from tests.helpers.tiny import read_config, succeed
from tests.teach.trace.test_trace import TABLE
from tests.teach.trace.worked.test_worked import pictures, vectors

COMMANDS = {  # of LaTeX and amsmath
    *(
        "usepackage",
        "allowdisplaybreaks",
        "paragraph",
        "begin",
        "end",
        "partial",
        "frac",
        "tfrac",
        "text",
        "quad",
    ),
    *("cdot", "odot", "star", "sum", "sigma", "delta", "eta", "nabla", "top", "mathbf", "hat"),
    *("alpha", "beta", "gamma", "varepsilon", "lambda", "mu", "rho", "pi", "sqrt", "leftarrow"),
    *("infty", "max", "min", "log", "tanh", "operatorname", "times", "left", "right", "dots", "le"),
}


NUMBER = re.compile(r"(-?[\d.]+)(?:\\cdot 10\^\{(-?\d+)\})?")
MARKS = r"\\begin\{(\w+\*?)\}|\\end\{(\w+\*?)\}|\\left\[|\\right\]|\\.|[{}]"


def derivation(config: Config, steps: int = 1) -> str:
    return "\n".join(latex_lines(config, trace(config, steps)))


def equations(text: str) -> Iterator[list[str]]:
    """Yield the sides of every equation: its name, the others, what is said of its letters."""
    for body in re.findall(r"\\begin\{align\*\}\n(.*?)\\end\{align\*\}", text, re.S):
        joined = re.sub(r" \\\\\n    &= ", " = ", body)
        for line in re.split(r" \\\\\n|\n$", joined):
            if line:
                inside = re.sub(r"\[[^\[\]]*\]", lambda m: m[0].replace(" = ", "="), line)
                equation, *known = inside.replace("&= ", "= ").strip().split(r",\quad ")
                yield [*equation.split(" = "), ",".join(["", *known])]


def is_balanced(side: str) -> bool:
    """Return whether round brackets are closed in the order in which they are opened."""
    depth = 0
    for character in side:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


def numbers(side: str) -> list[float]:
    """Return the numbers of a matrix, row by row."""
    found = NUMBER.finditer(side)
    return [float(f"{one[1]}e{one[2] or 0}") for one in found]


def problems(text: str) -> Iterator[str]:
    """Yield what LaTeX would stumble on."""
    text = re.sub(r"^%.*", "", text, flags=re.M)
    if not text.isascii():
        yield f"letters that are not ASCII: {set(filter(lambda one: not one.isascii(), text))}"
    for command in set(re.findall(r"\\([A-Za-z]+)", text)) - COMMANDS:
        yield f"unknown command {command}"
    open_ones: list[str] = []
    for found in re.finditer(MARKS, text):
        mark = found[0]
        if mark == "{" or mark == r"\left[":
            open_ones.append({"{": "}", r"\left[": r"\right]"}[mark])
        elif mark.startswith(r"\begin"):
            open_ones.append(found[1])
        elif mark in ("}", r"\right]") or mark.startswith(r"\end"):
            closed = found[2] or mark
            if not open_ones or open_ones.pop() != closed:
                yield f"{closed} closes nothing"
    if open_ones:
        yield f"not closed: {open_ones}"
    for sides in equations(text):
        cells = (cell for side in sides for cell in re.split(r"&|\\\\", side))
        if not all(map(is_balanced, cells)):
            yield f"a round bracket is not closed in {' = '.join(sides)}"
    for body in re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", text, re.S):
        outside = re.sub(r"\\begin\{bmatrix\}.*?\\end\{bmatrix\}", "", body)
        for line in outside.split(r"\\"):
            if line.count("&") > 1:
                yield f"more than one & in {line}"
        if re.search(r"\n\s*\n", body):
            yield "an empty line within align*"
        if re.search(r"(?<!\\)[_^][^{]", outside):
            yield "an index without braces"


@pytest.mark.parametrize("name", sorted(example_paths()))
def test_examples_would_compile(name: str) -> None:
    text = derivation(load_config(name, ()), steps=2)
    assert list(problems(text)) == []
    assert text.count(r"\paragraph") == 2


@pytest.mark.parametrize("config", [vectors(), pictures()], ids=["vectors", "pictures"])
def test_every_layer_would_compile(config: Config) -> None:
    assert list(problems(derivation(config))) == []


@pytest.mark.parametrize("loss", sorted(loss_types()))
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad"])
def test_every_loss_and_optimiser_would_compile(loss: str, optimizer: str) -> None:
    text = TABLE.replace("loss = mse", f"loss = {loss}")
    config = read_config(text, f"optimizer.name={optimizer}", "train.grad_clip=1")
    assert list(problems(derivation(config))) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (r"\frac{1}{2", "not closed"),
        ("1}", "closes nothing"),
        (r"\begin{align*} a \end{bmatrix}", "closes nothing"),
        (r"\bigsum", "unknown command"),
        ("σ", "not ASCII"),
        (r"\begin{align*} a &= b &= c \end{align*}", "more than one &"),
        (r"\begin{align*} a_oc \end{align*}", "an index"),
        ("\\begin{align*}\n  a &= \\max(z = 3,\\quad 0)\n\\end{align*}", "a round bracket"),
    ],
)
def test_what_would_not_compile_is_found(text: str, problem: str) -> None:
    assert any(problem in one for one in problems(text))


def test_the_chain_is_derived() -> None:
    lines = [
        line.rstrip(" \\").strip() for line in derivation(load_config("chain", ())).split("\n")
    ]
    for line in (
        r"z^{(1)} &= W^{(1)} a^{(0)} + b^{(1)} = 10 \cdot 1 + 1 = 11",
        r"y^{(3)} &= c z^{(2)} = 2 \cdot 220 = 440,\quad c = 2",
        r"\delta^{(2)} &= c \delta^{(3)} = 2 \cdot (-120) = -240",
        r"\delta^{(1)} &= {W^{(2)}}^{\top} \delta^{(2)} = 20 \cdot (-240) = -4800",
        r"\frac{\partial C}{\partial b^{(1)}} &= \delta^{(1)} = -4800",
        r"\text{BP2:}\quad \delta^{(1)} &= (W^{(2)})^{\top} \delta^{(2)} = -4800",
        r"W^{(1)} &= 10 - 0.005 \cdot (-4800) = 34",
        r"b^{(1)} &= 1 - 0.005 \cdot (-4800) = 25",
        r"W^{(2)} &= 20 - 0.005 \cdot (-2640) = 33.2",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a = σ(z) = 1 / (1 + e⁻ᶻ)", r"a = \sigma(z) = 1 / (1 + e^{-z})"),
        ("z_o = Σ_c W_oc ⋆ x_c + b_o", r"z_{o} = \sum_{c} W_{oc} \star x_{c} + b_{o}"),
        ("w − η m̂ / (√ŝ + ε)", r"w - \eta \hat{m} / (\sqrt{\hat{s}} + \varepsilon)"),
        ("γ / √(σ² + ε)", r"\gamma / \sqrt{\sigma^{2} + \varepsilon}"),
        ("3e-07 · (−2)", r"3\cdot 10^{-7} \cdot (-2)"),
        ("δ ⊙ leaky_relu'(z)", r"\delta \odot \operatorname{leaky\_relu}'(z)"),
        ("y = x as a vector", r"y = x \text{ as a vector}"),
        ("δ at the maximum of each block", r"\delta \text{ at the maximum of each block}"),
        ("a = z where z > 0, else α", r"a = z \text{ where } z > 0, \text{ else } \alpha"),
        ("(y − a) / (outputs · samples)", r"(y - a) / (\text{outputs} \cdot \text{samples})"),
        ("log softmax(z)_i", r"\log \operatorname{softmax}(z)_{i}"),
        ("y = max x", r"y = \max x"),
        ("max(z, 0)", r"\max(z, 0)"),
    ],
)
def test_formulas_are_written_in_letters_of_latex(text: str, written: str) -> None:
    assert latex_formula(text) == written


@pytest.mark.parametrize("name", [*sorted(example_paths()), "vectors", "pictures"])
def test_the_last_side_of_every_equation_is_the_traces_number(name: str) -> None:
    own = {"vectors": vectors, "pictures": pictures}
    config = own[name]() if name in own else load_config(name, ())
    (step,) = trace(config, 1)
    sides = list(equations("\n".join(latex_lines(config, [step]))))
    first = {one[0]: one for one in reversed(sides)}
    last = {one[0]: one for one in sides}
    expected = {r"\delta^{(0)}": columns(step.layers[0].grad_input)}
    kinds: dict[str, tuple[str, str]] = {}
    for place, layer in enumerate(step.layers, start=1):
        letter = layer.formulas.forward[0]
        expected[f"{letter}^{{({place})}}"] = columns(layer.output)
        expected[rf"\delta^{{({place})}}"] = columns(layer.grad_output)
        normalises = layer.name.endswith("batchnorm")
        kinds[str(place)] = (r"\gamma", r"\beta") if normalises else ("W", "b")
    for parameter, traced in step.parameters.items():
        number, _, role = parameter.partition(".")
        symbol = f"{kinds[number][role == 'bias']}^{{({number})}}"
        expected[rf"\frac{{\partial C}}{{\partial {symbol}}}"] = as_matrix(traced.grad)
        if fits(as_matrix(traced.after)):
            assert numbers(last[symbol][-2]) == written(as_matrix(traced.after)), symbol
    expected["C"] = np.array(step.loss)
    if len(step.losses) > 1:
        expected["L"] = np.array(step.total_loss)
    for symbol, array in expected.items():
        if fits(array):
            assert numbers(first[symbol][-2]) == written(array), symbol


def written(array: Array) -> list[float]:
    """Return numbers as they are written for people, row by row."""
    return [float(f"{value:.6g}") for value in array.reshape(-1).tolist()]


def test_what_a_loss_does_itself_is_derived() -> None:
    text = derivation(load_config("neuron-cross-entropy", ()))
    for line in (
        r"a &= \sigma(z^{(1)}) = 1 / (1 + e^{-z^{(1)}}) = 0.982014",
        r"((1 - y) / (1 - a) - y / a) / \text{outputs} = 55.5982",
        r"\frac{\partial a}{\partial z^{(1)}} &= a (1 - a) = 0.0176627",
        r"55.5982 \cdot 0.0176627 = 0.982014",
        r"\text{loss and sigmoid cancel:}",
    ):
        assert line in text
    softmax = derivation(read_config(TABLE.replace("loss = mse", "loss = cross_entropy")))
    assert r"a_{i} ([i = j] - a_{j})" in softmax
    assert r"\text{loss and softmax cancel:}" in softmax
    assert "cancel" not in derivation(load_config("chain", ()))


def test_the_total_loss_stands_beside_the_mean() -> None:
    text = derivation(load_config("residual", ()))
    assert r"L &= \sum_{n} C_{n} = 4.5 + 2 = 6.5" in text
    assert r"C &= L / 2 = (4.5 + 2) / 2 = 3.25" in text
    assert "L &=" not in derivation(load_config("chain", ()))


def test_what_is_not_finite_is_no_number() -> None:
    text = derivation(load_config("neuron-cross-entropy", ("weights.1.weight=800",)))
    assert r"/ \text{outputs} = \infty" in text
    assert r"\infty \cdot \text{lost} = \text{lost}" in text
    assert list(problems(text)) == []


def test_one_sample_is_no_samples() -> None:
    assert "Step 1, sample 1, " in derivation(load_config("chain", ()))
    assert "Step 1, samples 1, 2, " in derivation(load_config("residual", ()))


def test_parts_after_a_comma_are_told_from_definitions() -> None:
    assert definitions("a = max(z, s z), s = 0.25") == ("a = max(z, s z)", ["s = 0.25"])
    assert definitions("a = z where z > 0, else α, α = 1") == (
        "a = z where z > 0, else α",
        ["α = 1"],
    )
    assert definitions("y = max x, K = 2, stride 1") == ("y = max x", ["K = 2", "stride 1"])
    assert right_side("Σ_i a_i ([i = j] − a_j) = a − y") == "a − y"
    assert right_side("a (1 − a)") == "a (1 − a)"


def test_a_negative_number_stands_in_brackets_behind_a_matrix() -> None:
    found = derivation(load_config("keras-classes", ()))
    assert r"\end{bmatrix} \cdot (-0." in found
    assert not re.search(r"\\end\{bmatrix\} -\d", found)


def test_formulas_of_all_layers_and_losses_are_known() -> None:
    for loss in loss_types():
        formulas = build_loss(loss, 2).formulas(2)
        for formula in (formulas.forward, formulas.backward):
            assert list(problems(latex_formula(formula))) == []
    assert len(layer_types()) > 10


def test_large_arrays_are_left_out() -> None:
    config = read_config(TABLE.replace("linear 4", "linear 40"))
    steps = trace(config, 1)
    assert leaves_out(steps)
    assert r"\left[40 \times 2\text{ numbers}\right]" in "\n".join(latex_lines(config, steps))
    chain = load_config("chain", ())
    assert not leaves_out(trace(chain, 1))


def test_the_command_prints_it() -> None:
    text = succeed("trace", "chain", "--latex").out
    assert text == derivation(load_config("chain", ())) + "\n"
