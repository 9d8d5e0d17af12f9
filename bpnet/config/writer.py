"""Write the effective config as a file that reads back to the same settings."""

from __future__ import annotations

import dataclasses
from typing import Any

from bpnet.config.layer_lines import LayerSpec
from bpnet.config.settings import SECTIONS, Config


def format_config(config: Config) -> str:
    """Write every key, defaults included, as a file that reads back to the same config."""
    blocks = []
    for name in SECTIONS:
        section = getattr(config, name)
        lines = [f"[{name}]"]
        for field in dataclasses.fields(section):
            lines += format_key(field.name, getattr(section, field.name))
        blocks.append("\n".join(lines))
    if config.weights:
        lines = ["[weights]"]
        lines += [format_key(name, (row,))[0] for name, row in config.weights.items()]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def format_changes(config: Config) -> str:
    """Write the keys whose values differ from the defaults, in the same form."""
    default, blocks = Config(), []
    for name in SECTIONS:
        section, usual = getattr(config, name), getattr(default, name)
        changed = [
            line
            for field in dataclasses.fields(section)
            if getattr(section, field.name) != getattr(usual, field.name)
            for line in format_key(field.name, getattr(section, field.name))
        ]
        if changed:
            blocks.append("\n".join([f"[{name}]", *changed]))
    return "\n\n".join(blocks) + "\n"


def format_key(key: str, value: Any) -> list[str]:
    """Write one key; rows, layers and names that hold a comma take a line each."""
    lines = value_lines(key, value)
    if key == "layers" or len(lines) > 1:
        return [f"{key} =", *(f"    {line}" for line in lines)]
    return [f"{key} = {''.join(lines)}".rstrip()]


def value_lines(key: str, value: Any) -> list[str]:
    """Write the value of a key, as the lines that it takes."""
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if not isinstance(value, tuple):
        return [str(value)]
    if key == "input_shape":
        return [" ".join(map(str, value))]
    if key == "class_names":
        has_comma = len(value) > 1 and any("," in name for name in value)
        return list(value) if has_comma else [", ".join(value)]
    if key == "layers":
        return _indented(value)
    return [" ".join(map(repr, row)) for row in value]


def value_text(key: str, value: Any) -> str:
    """Write the value of a key on one line, as after `--set`."""
    return ", ".join(line.strip() for line in value_lines(key, value))


def _indented(specs: tuple[LayerSpec, ...]) -> list[str]:
    """Write layers, those of a residual block further in than its first and last line."""
    lines, depth = [], 0
    for spec in specs:
        depth -= spec.kind == "end"
        lines.append("    " * depth + spec.text)
        depth += spec.kind == "residual"
    return lines
