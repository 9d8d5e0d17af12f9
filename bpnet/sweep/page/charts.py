"""Draw the trials of a sweep: what was varied against what came of it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from bpnet.report.page.charts import COLOURS, SERIES, TEXT, Curve, chart_of, drawn
from bpnet.sweep.goal import Goal
from bpnet.sweep.ranking import Standing
from bpnet.sweep.settings import Choices, Span, Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAINTEST = 0.15  # opacity of the worst trial
LONGEST = 20  # characters of a value beside an axis
MOST_COMPARED = 12  # trials whose single runs are shown


def valued(standings: Sequence[Standing]) -> list[tuple[Standing, float]]:
    """Return the trials that have a value, with its mean over their seeds; the best first."""
    return [(one, one.spread.mean) for one in standings if one.spread is not None]


def parallel_coordinates(sweep: Sweep, standings: Sequence[Standing]) -> Markup | None:
    """Return a chart with an axis for each varied setting and for the goal, a line for each trial.

    The better a trial, the stronger its line; that of the best has a colour of its own. Where
    nothing is varied, there is no such chart.
    """
    if not sweep.varied:
        return None
    known, goal = valued(standings), Goal(sweep.settings)
    scales = [Scale(values) for values in sweep.varied.values()]
    low, high = min(mean for _, mean in known), max(mean for _, mean in known)

    def height(value: float) -> float:
        return (value - low) / (high - low) if high > low else 0.5

    def mark(axes: Axes, axis: int, at: float, label: str) -> None:
        is_last = axis == len(scales)
        axes.annotate(
            label,
            (axis, at),
            (-3 if is_last else 3, 4),
            textcoords="offset points",
            fontsize=6.5,
            ha="right" if is_last else "left",
        )

    def draw(axes: Axes) -> None:
        for place in range(len(known) - 1, -1, -1):  # the best one lies above the others
            one, mean = known[place]
            texts = one.trial.settings.values()
            points = [scale.place(text) for scale, text in zip(scales, texts, strict=True)]
            strength = FAINTEST + (1 - FAINTEST) * (1 - place / len(known))
            axes.plot(
                range(len(scales) + 1),
                [*points, height(mean)],
                color=COLOURS[0 if place else 1],
                alpha=strength,
                linewidth=1.2 if place else 2.5,
            )
        for axis in range(len(scales) + 1):
            axes.axvline(axis, color=TEXT, linewidth=0.8)
        for axis, scale in enumerate(scales):
            for at, label in scale.marks():
                mark(axes, axis, at, label)
        for value in {low, high}:
            mark(axes, len(scales), height(value), goal.text(value))
        names = [*sweep.varied, goal.label]
        axes.set_xticks(range(len(names)), [_broken(name) for name in names], fontsize=7)
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)

    best = known[0][0].trial.words
    words = f"{len(known)} trials: their settings, and {goal.name}; the best has {best}"
    return drawn("parallel", words, draw)


def _broken(name: str) -> str:
    """Return a name with a line for each of its words."""
    return name.replace("_", "\n").replace(" ", "\n").replace(".", "\n")


class Scale:
    """Place the values of a setting between 0 and 1.

    Args:
        values: that it takes.
    """

    def __init__(self, values: Choices | Span) -> None:
        self.values = values

    def place(self, text: str) -> float:
        """Return where a value lies."""
        values = self.values
        if isinstance(values, Choices):
            last = len(values.values) - 1
            return values.values.index(text) / last if last else 0.5
        turn = math.log if values.is_log else float
        low, high = turn(values.low), turn(values.high)
        return (turn(float(text)) - low) / (high - low)

    def marks(self) -> list[tuple[float, str]]:
        """Return the places that bear their value."""
        values = self.values
        if isinstance(values, Choices):
            return [(self.place(text), _short(text)) for text in values.values]
        return [(0.0, f"{values.low:g}"), (1.0, f"{values.high:g}")]


def _short(text: str) -> str:
    """Return a value in a line, cut where it is long."""
    line = text.replace("\n", ", ")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def heat_map(sweep: Sweep, standings: Sequence[Standing]) -> Markup | None:
    """Return a chart of the goal over two settings; None unless two lists of values are varied."""
    lists = [one.values for one in sweep.varied.values() if isinstance(one, Choices)]
    if len(lists) != 2 or len(sweep.varied) != 2:
        return None
    goal = Goal(sweep.settings)
    values = {tuple(one.trial.settings.values()): mean for one, mean in valued(standings)}
    low, high = min(values.values()), max(values.values())

    def draw(axes: Axes) -> None:
        for row, first in enumerate(lists[0]):
            for column, second in enumerate(lists[1]):
                if (value := values.get((first, second))) is None:
                    continue
                height = (value - low) / (high - low) if high > low else 0.5
                better = height if sweep.settings.maximizes else 1 - height
                corners = [column - 0.5, column + 0.5], [row - 0.5] * 2, [row + 0.5] * 2
                axes.fill_between(*corners, color=COLOURS[0], alpha=0.5 * better, linewidth=0)
                axes.text(column, row, goal.text(value), ha="center", va="center", fontsize=8)
        for place, texts in zip((axes.set_yticks, axes.set_xticks), lists, strict=True):
            place(range(len(texts)), [_short(text) for text in texts])
        axes.set_xlim(-0.5, len(lists[1]) - 0.5)
        axes.set_ylim(-0.5, len(lists[0]) - 0.5)
        axes.set_title(goal.label, fontsize=9)
        first_key, second_key = sweep.varied
        axes.set_ylabel(first_key)
        axes.set_xlabel(second_key)
        axes.grid(visible=False)

    cells = "; ".join(f"{' and '.join(pair)}: {goal.text(mean)}" for pair, mean in values.items())
    return drawn("heat", f"{goal.name} by {' and '.join(sweep.varied)}: {cells}", draw)


def over_seeds(sweep: Sweep, standings: Sequence[Standing]) -> Markup | None:
    """Return a chart of the best trials' single runs, and mean ± standard deviation beside them.

    None where each trial has one run alone.
    """
    if len(sweep.settings.seeds) < 2:
        return None
    known, goal = valued(standings)[:MOST_COMPARED], Goal(sweep.settings)
    values = [[float(getattr(row, sweep.settings.goal)) for row in one.rows] for one, _ in known]
    deviations = [statistics.stdev(of_one) for of_one in values]

    def draw(axes: Axes) -> None:
        for place, of_one in enumerate(values):
            scaled = [goal.factor * value for value in of_one]
            axes.plot([place - 0.15] * len(scaled), scaled, "o", color=COLOURS[0], markersize=3)
        axes.errorbar(
            [place + 0.15 for place in range(len(known))],
            [goal.factor * mean for _, mean in known],
            [goal.factor * deviation for deviation in deviations],
            fmt="_",
            color=COLOURS[1],
            capsize=3,
        )
        axes.set_xticks(range(len(known)), [str(one.trial.number) for one, _ in known])
        axes.set_xlim(-0.5, len(known) - 0.5)
        axes.set_xlabel("trial")
        axes.set_ylabel(goal.label)

    told = "; ".join(
        f"trial {one.trial.number}: {goal.text(mean)} ± {goal.width(deviation)}"
        for (one, mean), deviation in zip(known, deviations, strict=True)
    )
    return drawn("seeds", f"{goal.label} of single runs, and mean ± s.d.: {told}", draw)


def learning(sweep: Sweep, standings: Sequence[Standing]) -> Markup | None:
    """Return a chart of how the best trials learned: the mean of the goal over their seeds."""
    curves: list[Curve] = []
    goal = Goal(sweep.settings)
    for one, _ in valued(standings)[:SERIES]:
        of_runs = [row.curve(sweep.settings.goal) for row in one.rows]
        epochs = range(1, 1 + min(map(len, of_runs)))
        means = [statistics.fmean(_drawn(curve[n - 1]) for curve in of_runs) for n in epochs]
        scaled = [goal.factor * mean for mean in means]
        curves.append(Curve(f"trial {one.trial.number}", list(epochs), scaled, len(curves)))
    return chart_of("learning", goal.label, curves) if curves else None


def _drawn(value: float | None) -> float:
    """Return a value as a chart takes it: a missing one leaves a gap."""
    return math.nan if value is None else value
