"""Put the page of a trace together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bpnet.config.network import build_layers
from bpnet.config.settings import Config
from bpnet.errors import escaped
from bpnet.html.page import render
from bpnet.nn.facts import number
from bpnet.nn.layer import Layer
from bpnet.teach.trace.number_text import size
from bpnet.teach.trace.page.arrays import ArrayForms
from bpnet.teach.trace.page.drawing import drawing, layers_as_json
from bpnet.teach.trace.page.step_data import StepData
from bpnet.teach.trace.page.tables import PageTable, step_tables
from bpnet.teach.trace.step_arrays import arrays_of
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.version import __version__

HERE = Path(__file__).parent
SCRIPTS = (  # in the order in which they build on each other
    *("numbers.js", "positions.js", "svg.js", "rove.js", "pictures.js", "neurons.js", "boxes.js"),
    *("formulas.js", "filter_window.js", "light.js", "choice.js", "weights.js", "main.js"),
)
MOST_BYTES = 2_700_000  # of data and tables together: the page stays below 3 MB


def trace_page(source: str, about: str, config: Config, steps: Sequence[StepTrace]) -> str:
    """Return the page of some steps.

    Args:
        source: what was traced, as the user named it.
        about: one line that says what it is.
        config: of the run.
        steps: that were traced, at least one.
    """
    first = steps[0]
    shape = first.inputs.shape[1:]
    layers = build_layers(config, shape, None, [])
    forms = ArrayForms(array for step in steps for array in arrays_of(step))
    data, tables = first_steps(config, steps, layers, forms)
    values = {
        "version": __version__,
        "name": escaped(source),
        "about": escaped(about),
        "steps": steps[: len(data)],
        "tables": tables,
        "notes": notes(steps, len(data), forms),
        "number": number,
        "data": {
            "drawing": drawing(layers, shape),
            "input_shape": shape,
            "layers": layers_as_json(first, layers),
            "steps": data,
        },
    }
    scripts = [(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return render(HERE, "trace.html", values, scripts)


def first_steps(
    config: Config, steps: Sequence[StepTrace], layers: Sequence[Layer[Any]], forms: ArrayForms
) -> tuple[list[dict[str, Any]], list[list[PageTable]]]:
    """Return data and tables of as many steps as the page has room for, at least one."""
    data: list[dict[str, Any]] = []
    tables: list[list[PageTable]] = []
    size_so_far = 0
    for step in steps:
        found, shown = StepData(step, layers, config, forms).as_json(), step_tables(step, layers)
        size_so_far += bytes_of(found, shown)
        if data and size_so_far > MOST_BYTES:
            break
        data.append(found)
        tables.append(shown)
    return data, tables


def bytes_of(data: dict[str, Any], tables: Sequence[PageTable]) -> int:
    """Return how much a step adds to the page, more or less."""
    fields = [field.text for table in tables for row in table.rows for field in row]
    markup = len("<td><pre></pre></td>") * len(fields)
    texts = (json.dumps(data, ensure_ascii=False), *fields)
    return markup + sum(len(text.encode()) for text in texts)


def notes(steps: Sequence[StepTrace], shown: int, forms: ArrayForms) -> list[str]:
    """Return what the page leaves out, a sentence each."""
    found = []
    if shown < len(steps):
        found.append(
            f"The page holds the first {shown} of {len(steps)} steps; all would make it too large."
        )
    first = steps[0]
    named = {f"output of {layer.name}": layer.output for layer in first.layers}
    named |= {name: traced.before for name, traced in first.parameters.items()}
    large = [
        f"{name} ({size(array.shape)})"
        for name, array in named.items()
        if not forms.has_numbers(array)
    ]
    if large:
        found.append(
            "Too large for their numbers, shown as pictures alone: "
            f"{', '.join(large)}. bpnet trace --json has every number."
        )
    if forms.run > 1:
        found.append(
            f"In the largest pictures {forms.run} neighbours share the colour of the one that is "
            "farthest from 0."
        )
    if not forms.is_exact:
        found.append("Numbers have six digits. bpnet trace --json has all of them.")
    return found
