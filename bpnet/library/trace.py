"""Trace training steps from Python."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

from bpnet.data.load import load_dataset
from bpnet.library.advice import python_advice
from bpnet.library.html import text as html_text
from bpnet.library.numbers import whole_number
from bpnet.library.settings import Place, Settings, config_of
from bpnet.teach.trace import trace as tracing
from bpnet.teach.trace.as_json import as_json_values
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.trace_text import trace_lines

WIDTH = 100  # columns of the text
MOST_LINES = 200  # that are shown unasked


class Trace(Sequence[StepTrace]):
    """Hold every number of the first training steps: `trace[0].parameters["1.weight"].grad`.

    Args:
        steps: what was recorded of each.
    """

    def __init__(self, steps: Sequence[StepTrace]) -> None:
        self.steps = tuple(steps)

    @overload
    def __getitem__(self, place: int) -> StepTrace: ...

    @overload
    def __getitem__(self, place: slice) -> Trace: ...

    def __getitem__(self, place: int | slice) -> StepTrace | Trace:
        return Trace(self.steps[place]) if isinstance(place, slice) else self.steps[place]

    def __len__(self) -> int:
        return len(self.steps)

    def text(self, width: int = WIDTH) -> str:
        """Return all tables, formulas and paths, as `bpnet trace` prints them.

        Args:
            width: columns of the page.
        """
        return "\n".join(trace_lines(self.steps, width))

    def as_dict(self) -> dict[str, Any]:
        """Return all numbers in plain values, as `bpnet trace --json` prints them."""
        return {"steps": as_json_values(self.steps)}

    def _shown(self) -> list[str]:
        lines = self.text().split("\n")
        more = len(lines) - MOST_LINES
        if more <= 0:
            return lines
        return [*lines[:MOST_LINES], f"… and {more:,} more lines: print(trace.text())"]

    def __repr__(self) -> str:
        return "\n".join(self._shown())

    def _repr_html_(self) -> str:
        return f"<pre>{'<br>'.join(map(html_text, self._shown()))}</pre>"


def trace(
    config: Place | Settings,
    *,
    steps: int = 1,
    settings: Settings | None = None,
    data_dir: Place | None = None,
) -> Trace:
    """Record every number of the first training steps of a small network, in float64.

    >>> step = bpnet.trace("chain")[0]
    >>> step.loss, step.parameters["2.weight"].grad
    (3600.0, array([[-2640.]]))

    Args:
        config: a preset, an example or a config file; or settings by section and key.
        steps: how many; a shorter run is made longer.
        settings: that change those of the config.
        data_dir: where data sets lie.

    Returns:
        The steps; arrays have the sample first.

    Raises:
        ConfigError: there is no such config, or there would be too many numbers.
        DataError: the data set cannot be had.
        DivergedError: a number is no longer finite.
    """
    steps = whole_number(steps, "steps")
    load = partial(load_dataset, data_dir=None if data_dir is None else Path(data_dir))
    with python_advice():
        return Trace(tracing.trace(config_of(config, settings), steps, load))
