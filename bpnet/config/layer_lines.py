"""Read the lines that describe a network: one layer per line, as its class declares."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bpnet.config.setting import ValueReader
from bpnet.config.values import Value, nearest, number, whole, yes_or_no
from bpnet.errors import quoted
from bpnet.nn.facts import Option
from bpnet.nn.layer import Layer
from bpnet.nn.registry import find_layer, layer_types

LONGEST_LAYER = 200  # characters of its line


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
    if len(line) > LONGEST_LAYER:
        raise ValueError(f"a layer takes at most {LONGEST_LAYER} characters, found {quoted(line)}")
    kind, *words = line.split()
    layer = find_layer(kind, [word.partition("=")[0] for word in words if "=" in word])
    if layer is None:
        known = layer_types()
        near = nearest(kind, known)
        hint = f'; did you mean "{near}"?' if near else f"; known are {', '.join(known)}"
        raise ValueError(f"{quoted(kind)} is not a layer{hint}")
    options = {option.name: option for option in layer.options}
    positional = next((option.name for option in layer.options if option.positional), None)
    given: dict[str, str] = {}
    for position, word in enumerate(words):
        name, equals, text = word.partition("=")
        if not equals and position == 0 and positional:
            name, text = positional, word
        if name not in options or name in given or not text:
            raise ValueError(f'"{word}" does not fit; write `{usage(layer)}`')
        given[name] = text
    if any(needed(option) and option.name not in given for option in layer.options):
        raise ValueError(f'"{line}" lacks a value; write `{usage(layer)}`')
    values = {}
    for name, text in given.items():
        try:
            values[name] = reader(options[name])(text)
        except ValueError as error:
            raise ValueError(f'{kind}: "{name}" expects {error}') from None
    return LayerSpec(kind, values, " ".join([kind, *words]), where)


def usage(layer: type[Layer[Any]]) -> str:
    """Return how a line of this kind is written."""
    words = [layer.kind]
    for option in layer.options:
        if option.positional:
            words.append(option.name.upper())
        else:
            words.append(f"{option.name}=…" if option.required else f"[{option.name}=…]")
    return " ".join(words)


def needed(option: Option) -> bool:
    """Return whether a line must give this value."""
    return option.required or option.positional


def reader(option: Option) -> ValueReader[Value]:
    """Return the function that reads the text of a value and checks its bounds."""
    if option.type is bool:
        return yes_or_no
    if option.type is int:
        return whole(int(option.least), int(option.most))
    return number(option.least, option.below)


def unbalanced(specs: Sequence[LayerSpec]) -> list[tuple[LayerSpec, str]]:
    """Return the lines that begin or end a residual block alone or with nothing in it, and why."""
    wrong: list[tuple[LayerSpec, str]] = []
    begun: list[int] = []
    for place, spec in enumerate(specs):
        if spec.kind == "residual":
            begun.append(place)
        elif spec.kind == "end" and not begun:
            wrong.append((spec, "`end` has no `residual` before it"))
        elif spec.kind == "end" and begun.pop() == place - 1:
            wrong.append((spec, "`residual` needs layers between it and its `end`"))
    return wrong + [(specs[place], "`residual` has no `end`") for place in begun]
