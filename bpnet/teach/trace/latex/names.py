r"""Know the letters of a network, each with the number of its layer: `a^{(2)}`, `\delta^{(2)}`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from bpnet.teach.trace.latex.formula import latex_formula, raised
from bpnet.teach.trace.worked.layer_step import LayerStep

LETTERS = {  # of parameters, by the kind of their layer
    "batchnorm": {"weight": r"\gamma", "bias": r"\beta"},
    "": {"weight": "W", "bias": "b"},
}
INPUTS = "zxXaF"  # letters that stand for a layer's input, except the one of its output
HAT = "\u0302"


class Names:
    """Name outputs, errors and parameters, and write formulas with these names.

    Args:
        layers: of the network.
    """

    def __init__(self, layers: Sequence[LayerStep]) -> None:
        self.kinds = [layer.layer.kind for layer in layers]
        self.letters = [layer.trace.formulas.forward[0] for layer in layers]
        numbered = enumerate(self.letters, start=1)
        self.outputs = ["a^{(0)}", *(f"{letter}^{{({number})}}" for number, letter in numbered)]

    def delta(self, number: int) -> str:
        """Return ∂C/∂output of a layer."""
        return rf"\delta^{{({number})}}"

    def parameter(self, number: int, role: str) -> str:
        """Return the letter of a parameter."""
        letters = LETTERS.get(self.kinds[number - 1], LETTERS[""])
        return f"{letters[role]}^{{({number})}}"

    def gradient(self, number: int, role: str) -> str:
        """Return the gradient of a parameter."""
        return rf"\frac{{\partial C}}{{\partial {self.parameter(number, role)}}}"

    def in_layer(self, number: int, formula: str) -> str:
        """Return a formula of a layer."""
        before, after = self.outputs[number - 1 : number + 1]
        roles = {"weight": "Wγ", "bias": "bβ"}
        own = {
            letter: self.parameter(number, role)
            for role, letters in roles.items()
            for letter in letters
        }
        if self.kinds[number - 1] != "batchnorm":
            own = {letter: own[letter] for letter in "Wb"}
        inputs = dict.fromkeys(INPUTS, before)
        letters = inputs | own | {self.letters[number - 1]: after, "δ": self.delta(number)}
        return self.written(formula, letters, number)

    def in_loss(self, formula: str, activation: str | None = None) -> str:
        """Return a formula of the loss.

        Args:
            formula: whose z and a are the last output.
            activation: what a is where the loss applies an activation itself.
        """
        last = self.outputs[-1]
        return self.written(formula, {"z": last, "a": activation or last})

    def in_equation(self, number: int, formula: str) -> str:
        """Return one of the four equations, which is about a linear layer."""
        return self.written(formula, {"z": self.outputs[number]})

    def written(self, formula: str, letters: Mapping[str, str], number: int = 0) -> str:
        """Return a formula with other letters, and with letters for the names of layers."""
        kept: list[str] = []

        def keep(letters: str) -> str:
            kept.append(letters)
            return f"⟨{len(kept) - 1}⟩"

        text = raised(unicodedata.normalize("NFD", formula))
        for pattern, letters_of in self._phrases(number):
            text = re.sub(pattern, lambda m, of=letters_of: keep(of(m)), text)  # type: ignore[misc]
        single = "".join(letters)
        phrase = rf"(?<=[a-z][a-z] )a(?= [a-z][a-z])|(?<![A-Za-z_.])([{single}])(?![A-Za-z{HAT}])"
        text = re.sub(phrase, lambda m: keep(letters[m[1]]) if m[1] else m[0], text)

        def put_back(found: re.Match[str]) -> str:
            name = kept[int(found[1])]
            return f"{{{name}}}^" if found[2] and "^" in name else name + found[2]

        return re.sub(r"⟨(\d+)⟩(\^?)", put_back, latex_formula(text))

    def _phrases(self, number: int) -> list[tuple[str, Callable[[re.Match[str]], str]]]:
        """Return how layers and parameters are named in formulas, and their letters."""
        return [
            (r"∂C/∂(\d+)\.(\w+)", lambda m: self.gradient(int(m[1]), m[2])),
            (r"δ of (\d+)\.\w+", lambda m: self.delta(int(m[1]))),
            (r"∂a/∂z of (\d+)\.\w+", lambda m: rf"\frac{{\partial a}}{{\partial z}}^{{({m[1]})}}"),
            (r"output of (\d+)\.\w+", lambda m: self.outputs[int(m[1])]),
            (r"input of (\d+)\.\w+", lambda m: self.outputs[int(m[1]) - 1]),
            (r"(\d+)\.(weight|bias)", lambda m: self.parameter(int(m[1]), m[2])),
            (r"(\d+)\.[a-z]\w+", lambda m: self.outputs[int(m[1])]),
            (r"\binput\b", lambda m: self.outputs[0]),
            ("dγ", lambda m: self.gradient(number, "weight")),
            ("dβ", lambda m: self.gradient(number, "bias")),
        ]
