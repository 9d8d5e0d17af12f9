"""Write a sweep as a file that reads as it is."""

from __future__ import annotations

import dataclasses
from typing import Any

from bpnet.model.run_files import CONFIG
from bpnet.sweep.reader import LAYERS
from bpnet.sweep.settings import Choices, Span, Sweep, SweepSettings


def format_sweep(sweep: Sweep) -> str:
    """Return the text of a sweep whose base config lies beside it, shared settings included."""
    lines = ["[sweep]"]
    for field in dataclasses.fields(SweepSettings):
        value: Any = getattr(sweep.settings, field.name)
        if field.name == "config":
            value = CONFIG
        elif field.name == "seeds":
            value = ",".join(map(str, value))
        lines.append(f"{field.name} = {value}")
    lines += ["", "[vary]"]
    for key, values in sweep.varied.items():
        lines.append(f"{key} = {_text(values, in_lines=key == LAYERS)}")
    return "\n".join(lines) + "\n"


def _text(values: Choices | Span, *, in_lines: bool) -> str:
    """Return the values of a setting: a list, one in each line where a comma is part of one."""
    if isinstance(values, Span):
        ends = [int(end) if values.is_whole else end for end in (values.low, values.high)]
        return " to ".join(map(repr, ends)) + (" log" if values.is_log else "")
    if in_lines or any("," in text for text in values.values):
        return "".join(f"\n    {text}" for text in values.values)
    return ", ".join(values.values)
