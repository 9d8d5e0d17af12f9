"""Read the lines that describe a network: one layer per line."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches

Value = int | float | bool


def whole(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers of at least `least`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise ValueError(f'a whole number of at least {least}, found "{text}"')
        return value

    return read


def number(least: float, below: float) -> Callable[[str], float]:
    """Return a reader of numbers from `least` to below `below`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and least <= value < below):
            bounds = f" from {least:g} to below {below:g}" if math.isfinite(least) else ""
            raise ValueError(f'a number{bounds}, found "{text}"')
        return value

    return read


def yes_or_no(text: str) -> bool:
    """Read yes, no, true, false, on, off, 1 or 0."""
    answers = {"yes": True, "true": True, "on": True, "1": True}
    answers |= {"no": False, "false": False, "off": False, "0": False}
    if text.lower() not in answers:
        raise ValueError(f'yes or no, found "{text}"')
    return answers[text.lower()]


@dataclass(frozen=True)
class Grammar:
    """Say what one kind of layer takes.

    Args:
        positional: name of the value that follows the kind, if one does.
        options: reader of each value by its name.
        required: options that must be given.
    """

    positional: str | None
    options: dict[str, Callable[[str], Value]]
    required: tuple[str, ...] = ()

    def usage(self, kind: str) -> str:
        """Return how a line of this kind is written."""
        words = [kind, self.positional.upper()] if self.positional else [kind]
        for name in self.options:
            if name != self.positional:
                words.append(f"{name}=…" if name in self.required else f"[{name}=…]")
        return " ".join(words)


GRAMMAR = {
    "linear": Grammar("out", {"out": whole(1), "bias": yes_or_no}),
    "conv": Grammar(
        "out",
        {
            "out": whole(1),
            "kernel": whole(1),
            "stride": whole(1),
            "padding": whole(0),
            "bias": yes_or_no,
        },
        ("kernel",),
    ),
    "maxpool": Grammar("size", {"size": whole(1)}),
    "avgpool": Grammar("size", {"size": whole(1)}),
    "flatten": Grammar(None, {}),
    "relu": Grammar(None, {}),
    "leaky_relu": Grammar(None, {"slope": number(0, 1)}),
    "sigmoid": Grammar(None, {}),
    "tanh": Grammar(None, {}),
    "softmax": Grammar(None, {}),
    "dropout": Grammar("probability", {"probability": number(0, 1)}),
    "batchnorm": Grammar(None, {"momentum": number(0, 1), "epsilon": number(0, 1)}),
    "scale": Grammar("factor", {"factor": number(-math.inf, math.inf)}),
}


@dataclass(frozen=True)
class LayerSpec:
    """Hold one layer line.

    Args:
        kind: such as `linear`.
        options: what was given, by name.
        text: the line as written.
        where: file and line, for messages.
    """

    kind: str
    options: dict[str, Value]
    text: str
    where: str = field(default="", compare=False)


def read_layer(line: str, where: str = "") -> LayerSpec:
    """Read one line such as `conv 24 kernel=5`.

    Raises:
        ValueError: the line is wrong; the message says what was expected and found.
    """
    kind, *words = line.split()
    if kind not in GRAMMAR:
        near = get_close_matches(kind, GRAMMAR, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else f"; known are {', '.join(GRAMMAR)}"
        raise ValueError(f'"{kind}" is no layer{hint}')
    grammar = GRAMMAR[kind]
    given: dict[str, str] = {}
    for position, word in enumerate(words):
        name, equals, text = word.partition("=")
        if not equals and position == 0 and grammar.positional:
            name, text = grammar.positional, word
        if name not in grammar.options or name in given or not text:
            raise ValueError(f'"{word}" does not fit; write `{grammar.usage(kind)}`')
        given[name] = text
    missing = {grammar.positional, *grammar.required} - {None, *given}
    if missing:
        raise ValueError(f'"{line}" lacks a value; write `{grammar.usage(kind)}`')
    options = {}
    for name, text in given.items():
        try:
            options[name] = grammar.options[name](text)
        except ValueError as error:
            raise ValueError(f'{kind}: "{name}" expects {error}') from None
    return LayerSpec(kind, options, " ".join([kind, *words]), where)
