"""Write formulas in LaTeX's letters."""

from __future__ import annotations

import re
import unicodedata

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
RAISED = {"⁻": "−", "ᶻ": "z", "ᵃ": "a", "ᵗ": "t"}
LOWERED = {"₁": "1", "₂": "2"}
FUNCTIONS = ("max", "min", "log", "tanh")
LETTERS = ("dW", "dX", "db", "sc", "oc")  # that stand side by side, but are no words
END = "\0"  # of a command, until it is known whether a letter follows, or ⟨ that stands for one
WORD = rf"(?!(?:{'|'.join(FUNCTIONS + LETTERS)})\b)[A-Za-z]{{2,}}(?:_[a-z]+)*"
NAME = re.compile(rf"(?<![\\_A-Za-z])({WORD})(?=\(|')")  # of a function
WORDS = re.compile(rf"(?<![\\_A-Za-z{{])({WORD}(?: a(?= {WORD})| {WORD}(?![('\w]))*)")
OPERATORS = "/·+−=(⊙⋆←"
OPEN, CLOSED = "([{⟨", ")]}⟩"


def latex_formula(text: str) -> str:
    r"""Return a formula as it stands in `Formulas`: `z = W a + b`, `∂z = δ ⊙ a (1 − a)`."""
    text = unicodedata.normalize("NFD", text)  # letters and their hats apart
    text = re.sub("(.)\u0302", r"\\hat{\1}", text)
    text = _roots(text)
    text = re.sub(r"(\d(?:\.\d+)?)e([+−-])0*(\d+)", _power_of_ten, text)
    for function in FUNCTIONS:
        text = re.sub(rf"\b{function}\b", rf"\\{function}{END}", text)
    text = WORDS.sub(_words, NAME.sub(_name, text))
    text = re.sub(r"(?<!\\)_([A-Za-z]+)", r"_{\1}", text)
    lowered = re.compile(f"[{''.join(LOWERED)}]+")
    text = lowered.sub(lambda found: f"_{{{''.join(LOWERED[one] for one in found[0])}}}", text)
    written = "".join(map(_sign, raised(text)))
    written = re.sub(f"{END}(?=[A-Za-z⟨])", " ", written).replace(END, "")
    return re.sub(r" +", " ", re.sub(r" +([_^])", r"\1", written)).strip()


def raised(text: str) -> str:
    """Return a formula with braces around its exponents: `e^{−z}` for `e⁻ᶻ`."""
    run = re.compile(f"[{''.join(RAISED)}]+")
    return run.sub(lambda found: f"^{{{''.join(RAISED[one] for one in found[0])}}}", text)


def split_outside(text: str, mark: str) -> list[str]:
    """Split a text at every mark that stands outside of brackets."""
    parts, depth, start, place = [], 0, 0, 0
    while place < len(text):
        depth += (text[place] in OPEN) - (text[place] in CLOSED)
        if depth == 0 and text.startswith(mark, place):
            parts.append(text[start:place])
            place = start = place + len(mark)
            continue
        place += 1
    return [*parts, text[start:]]


def definitions(formula: str) -> tuple[str, list[str]]:
    """Return a formula without what is said of its letters after a comma, and these definitions."""
    parts = split_outside(formula, ", ")
    first = next(
        (place for place, part in enumerate(parts) if place and re.match(r"\S{1,2} = ", part)),
        len(parts),
    )
    return ", ".join(parts[:first]), parts[first:]


def right_side(formula: str) -> str:
    """Return what a formula says that its first side is; all of it where it has one side alone."""
    first, *others = split_outside(formula, " = ")
    return " = ".join(others) or first


def _sign(character: str) -> str:
    sign = SIGNS.get(character, character)
    return sign + END if sign.startswith("\\") and sign[-1].isalpha() else sign


def _name(found: re.Match[str]) -> str:
    name = found[1].replace("_", r"\_")
    return rf"\operatorname{{{name}}}{END}"


def _words(found: re.Match[str]) -> str:
    """Return words with a blank to each side where a letter or a number follows."""
    before, after = found.string[: found.start()].rstrip(" "), found.string[found.end() :]
    left = " " if before and before[-1] not in OPERATORS else ""
    right = " " if after.startswith(" ") and after.lstrip()[0] not in OPERATORS else ""
    return rf"\text{{{left}{found[1]}{right}}}"


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
