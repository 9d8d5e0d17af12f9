"""Draw the trials of a sweep: what was varied against what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from bpnet.report.page.charts import COLOURS, SERIES, TEXT, Curve, chart_of, drawn
from bpnet.sweep.ranking import Standing
from bpnet.sweep.settings import Choices, Span, Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAINTEST = 0.15  # opacity of the worst trial


def parallel_coordinates(sweep: Sweep, standings: Sequence[Standing]) -> Markup:
    """Return a chart with an axis for each varied setting and for the goal, a line for each trial.

    The better a trial, the stronger its line; that of the best has a colour of its own.
    """
    known = [one for one in standings if one.spread is not None]
    scales = [Scale(sweep.varied[key]) for key in sweep.varied]
    means = [one.spread.mean for one in known if one.spread is not None]
    low, high = min(means), max(means)

    def height(value: float) -> float:
        return (value - low) / (high - low) if high > low else 0.5

    def draw(axes: Axes) -> None:
        for place in range(len(known) - 1, -1, -1):  # the best one lies above the others
            texts = known[place].trial.settings.values()
            points = [scale.place(text) for scale, text in zip(scales, texts, strict=True)]
            strength = FAINTEST + (1 - FAINTEST) * (1 - place / len(known))
            axes.plot(
                range(len(scales) + 1),
                [*points, height(means[place])],
                color=COLOURS[0 if place else 1],
                alpha=strength,
                linewidth=1.2 if place else 2.5,
            )
        for axis, scale in enumerate(scales):
            axes.axvline(axis, color=TEXT, linewidth=0.8)
            for at, label in scale.marks():
                axes.annotate(label, (axis, at), (3, 2), textcoords="offset points", fontsize=6)
        axes.axvline(len(scales), color=TEXT, linewidth=0.8)
        for value in {low, high}:
            place_of = (len(scales), height(value))
            axes.annotate(
                f"{value:.4g}",
                place_of,
                (-3, 2),
                textcoords="offset points",
                fontsize=6,
                ha="right",
            )
        names = [*(key.partition(".")[2] for key in sweep.varied), sweep.settings.goal]
        axes.set_xticks(range(len(names)), [name.replace("_", "\n") for name in names], fontsize=7)
        axes.set_yticks([])
        axes.grid(visible=False)

    best = known[0].trial.words
    words = f"{len(known)} trials: their settings, and {sweep.settings.goal}; the best has {best}"
    return drawn("parallel", words, draw)


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
            return values.values.index(text) / max(1, len(values.values) - 1)
        from math import log

        turn = log if values.is_log else float
        low, high = turn(values.low), turn(values.high)
        return (turn(float(text)) - low) / (high - low)

    def marks(self) -> list[tuple[float, str]]:
        """Return the places that bear their value."""
        values = self.values
        if isinstance(values, Choices):
            return [(self.place(text), text.replace("\n", ", ")[:20]) for text in values.values]
        return [(0.0, f"{values.low:g}"), (1.0, f"{values.high:g}")]


def heat_map(sweep: Sweep, standings: Sequence[Standing]) -> Markup | None:
    """Return a chart of the goal over two settings; None unless two lists of values are varied."""
    lists = [one.values for one in sweep.varied.values() if isinstance(one, Choices)]
    if len(lists) != 2 or len(sweep.varied) != 2:
        return None
    known = [one for one in standings if one.spread is not None]
    values = {
        tuple(one.trial.settings.values()): one.spread.mean
        for one in known
        if one.spread is not None
    }
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
                axes.text(column, row, f"{value:.4g}", ha="center", va="center", fontsize=8)
        for place, key in zip((axes.set_yticks, axes.set_xticks), range(2), strict=True):
            place(range(len(lists[key])), [text.replace("\n", ", ")[:20] for text in lists[key]])
        names = list(sweep.varied)
        axes.set_ylabel(names[0])
        axes.set_xlabel(names[1])
        axes.grid(visible=False)

    cells = "; ".join(f"{' and '.join(pair)}: {value:.4g}" for pair, value in values.items())
    return drawn("heat", f"{sweep.settings.goal} by {' and '.join(sweep.varied)}: {cells}", draw)


def learning(sweep: Sweep, standings: Sequence[Standing]) -> Markup | None:
    """Return a chart of how the best trials learned: the mean of the goal over their seeds."""
    curves: list[Curve] = []
    for one in [one for one in standings if one.spread is not None][:SERIES]:
        epochs = range(1, 1 + min(len(row.curve) for row in one.rows))
        means = [sum(row.curve[n - 1] for row in one.rows) / len(one.rows) for n in epochs]
        curves.append(Curve(f"trial {one.trial.number}", list(epochs), means, len(curves)))
    label = sweep.settings.goal.replace("_", " ")
    return chart_of("learning", label, curves) if curves else None
