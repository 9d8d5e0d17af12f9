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
            lines += _format_key(field.name, getattr(section, field.name))
        blocks.append("\n".join(lines))
    if config.weights:
        lines = ["[weights]"]
        lines += [_format_key(name, (row,))[0] for name, row in config.weights.items()]
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
            for line in _format_key(field.name, getattr(section, field.name))
        ]
        if changed:
            blocks.append("\n".join([f"[{name}]", *changed]))
    return "\n\n".join(blocks) + "\n"


def _format_key(key: str, value: Any) -> list[str]:
    """Write one key; rows and layers take a line each."""
    if isinstance(value, bool):
        return [f"{key} = {'yes' if value else 'no'}"]
    if not isinstance(value, tuple):
        return [f"{key} = {value}".rstrip()]
    if key == "input_shape":
        return [f"{key} = {' '.join(map(str, value))}".rstrip()]
    if key == "class_names":
        if len(value) > 1 and any("," in name for name in value):
            return [f"{key} =", *(f"    {name}" for name in value)]
        return [f"{key} = {', '.join(value)}".rstrip()]
    if key == "layers":
        return [f"{key} =", *_indented(value)]
    texts = [" ".join(map(repr, row)) for row in value]
    if len(texts) == 1:
        return [f"{key} = {texts[0]}"]
    return [f"{key} =", *(f"    {text}" for text in texts)]


def _indented(specs: tuple[LayerSpec, ...]) -> list[str]:
    """Write layers, those of a residual block further in than its first and last line."""
    lines, depth = [], 1
    for spec in specs:
        depth -= spec.kind == "end"
        lines.append("    " * depth + spec.text)
        depth += spec.kind == "residual"
    return lines
