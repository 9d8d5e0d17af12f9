"""Write formulas, numbers and arrays in LaTeX's letters."""

from __future__ import annotations

import re
import unicodedata

from bpnet.nn.facts import number
from bpnet.nn.layer import Array

MOST_NUMBERS = 36  # of an array that is written out
MOST_COLUMNS = 10  # of amsmath's bmatrix

SIGNS = {
    "σ": r"\sigma",
    "δ": r"\delta",
    "∂": r"\partial",
    "Σ": r"\sum",
    "∇": r"\nabla",
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "ε": r"\varepsilon",
    "η": r"\eta",
    "λ": r"\lambda",
    "μ": r"\mu",
    "ρ": r"\rho",
    "π": r"\pi",
    "‖": r"\|",
    "←": r"\leftarrow",
    "·": r"\cdot",
    "⊙": r"\odot",
    "⋆": r"\star",
    "−": "-",
    "≤": r"\le",
    "×": r"\times",
    "½": r"\tfrac{1}{2}",
    "…": r"\dots",
    "²": "^{2}",
    "³": "^{3}",
    "ᵀ": r"^{\top}",
}
RAISED = {"⁻": "-", "ᶻ": "z", "ᵃ": "a", "ᵗ": "t"}
LOWERED = {"₁": "1", "₂": "2"}
FUNCTIONS = ("max", "min", "log", "tanh")
LETTERS = ("dW", "dX", "db", "sc", "oc")  # that stand side by side, but are no words
END = "\0"  # of a command, until it is known whether a letter follows
WORD = re.compile(r"(?<![\\_A-Za-z])[A-Za-z]{2,}(?:_[a-z]+)*(?: a [a-z]{2,})?'?")


def latex_formula(text: str) -> str:
    r"""Return a formula as it stands in `Formulas`: `z = W a + b`, `∂z = δ ⊙ a (1 − a)`."""
    text = unicodedata.normalize("NFD", text)  # letters and their hats apart
    text = re.sub("(.)\u0302", r"\\hat{\1}", text)
    text = _roots(text)
    text = re.sub(r"(\d(?:\.\d+)?)e([+−-])0*(\d+)", _power_of_ten, text)
    text = re.sub(r"(?<!\\)_([A-Za-z]+)", r"_{\1}", WORD.sub(_word, text))
    for marks, sign in ((RAISED, "^"), (LOWERED, "_")):
        run = re.compile(f"[{''.join(marks)}]+")
        text = run.sub(
            lambda found, marks=marks, sign=sign: (  # type: ignore[misc]
                f"{sign}{{{''.join(marks[one] for one in found[0])}}}"
            ),
            text,
        )
    written = "".join(map(_sign, text))
    written = re.sub(f"{END}(?=[A-Za-z])", " ", written).replace(END, "")
    return re.sub(r" +", " ", re.sub(r" +([_^])", r"\1", written)).strip()


def _sign(character: str) -> str:
    sign = SIGNS.get(character, character)
    return sign + END if sign.startswith("\\") and sign[-1].isalpha() else sign


def _word(found: re.Match[str]) -> str:
    word = found[0]
    if word in FUNCTIONS:
        return f"\\{word}{END}"
    if word in LETTERS:
        return word
    if word.endswith("'"):
        name = word[:-1].replace("_", r"\_")
        return rf"\operatorname{{{name}}}'"
    return rf"\text{{ {word} }}"


def _power_of_ten(found: re.Match[str]) -> str:
    sign = "" if found[2] == "+" else "-"
    return rf"{found[1]}\cdot 10^{{{sign}{found[3]}}}"


def _roots(text: str) -> str:
    r"""Return a text with `\sqrt{…}` around what stands below each root."""
    while "√" in text:
        start = text.index("√") + 1
        end = _end_of_operand(text, start)
        below = text[start:end]
        inner = below[1:-1] if below.startswith("(") else below
        text = f"{text[: start - 1]}\\sqrt{{{inner}}}{text[end:]}"
    return text


def _end_of_operand(text: str, start: int) -> int:
    """Return where a bracket, a number or a letter ends."""
    if text[start] == "(":
        depth = 0
        for place in range(start, len(text)):
            depth += {"(": 1, ")": -1}.get(text[place], 0)
            if depth == 0:
                return place + 1
    found = re.compile(r"\\hat\{.\}|[\d.]+(?:e[+−]\d+)?|.").match(text, start)
    assert found
    return found.end()


def latex_number(value: float) -> str:
    r"""Return a number: `-4800`, `1.5\cdot 10^{-7}`."""
    return latex_formula(number(value))


def fits(array: Array) -> bool:
    """Return whether an array is written out."""
    columns = array.shape[-1] if array.ndim else 1
    return array.size <= MOST_NUMBERS and columns <= MOST_COLUMNS


def latex_matrix(array: Array) -> str:
    """Return a matrix of numbers; a single number stands alone, a large one is counted.

    Args:
        array: (rows, columns), or several of them (…, rows, columns), which stand side by side.
    """
    if array.size == 1:
        return latex_number(float(array.reshape(-1)[0]))
    if not fits(array):
        size = r" \times ".join(map(str, array.shape))
        return rf"\left[{size}\text{{ numbers}}\right]"
    matrices = array.reshape(-1, *array.shape[-2:])
    return r",\; ".join(_matrix([list(map(latex_number, row)) for row in one]) for one in matrices)


def latex_matrix_of(rows: list[list[str]]) -> str:
    """Return a matrix of formulas; a single one stands alone."""
    return rows[0][0] if len(rows) == len(rows[0]) == 1 else _matrix(rows)


def _matrix(rows: list[list[str]]) -> str:
    lines = r" \\ ".join(" & ".join(row) for row in rows)
    return rf"\begin{{bmatrix}} {lines} \end{{bmatrix}}"
