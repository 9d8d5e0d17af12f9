"""Draw learning curves and calibration with matplotlib, in colours that the page decides on."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from bpnet.model.calibration import BINS, EDGES
from bpnet.nn.layer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES = 6  # colours of runs; report.css has as many
TEXT = "#010203"  # stands for the page's own colours until the drawing is in it
COLOURS = [f"#0102{10 + number}" for number in range(SERIES)]
SIZE = (4.8, 3.0)  # inches
FEW = 30  # epochs of which each has a dot


@dataclass(frozen=True)
class Curve:
    """Hold numbers over epochs.

    Args:
        name: for those who do not see the chart.
        epochs: their numbers.
        values: one per epoch.
        series: number of the colour.
        is_dashed: whether the line is.
    """

    name: str
    epochs: Sequence[int]
    values: Sequence[float]
    series: int
    is_dashed: bool = False


def chart_of(name: str, label: str, curves: Sequence[Curve]) -> Markup:
    """Return a chart of some curves; the page says which colour is whose.

    Args:
        name: of the chart, different from all others of the page.
        label: of the vertical axis.
        curves: at least one.
    """
    from matplotlib.ticker import MaxNLocator

    def draw(axes: Axes) -> None:
        for curve in curves:
            axes.plot(
                curve.epochs,
                curve.values,
                color=COLOURS[curve.series % SERIES],
                linestyle="--" if curve.is_dashed else "-",
                marker="o" if len(curve.epochs) <= FEW else "",
                markersize=3,
            )
        epochs = [epoch for curve in curves for epoch in curve.epochs]
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))

    ends = "; ".join(f"{curve.name} ends at {curve.values[-1]:.4g}" for curve in curves)
    return drawn(name, f"{label} by epoch: {ends}", draw)


def calibration(name: str, answers: Array, targets: NDArray[Any]) -> Markup:
    """Return a chart of how often answers are right, against how probable they were said to be.

    Args:
        name: of the chart, different from all others of the page.
        answers: probabilities (samples, classes).
        targets: the right classes (samples,).

    Source: Guo et al., 2017, figure 1.
    """
    said, found, counts = reliability(answers, targets)

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=TEXT, linestyle=":", linewidth=1)
        axes.plot(said, found, color=COLOURS[0], marker="o", markersize=4)
        for x, y, count in zip(said, found, counts, strict=True):
            axes.annotate(
                f"{count:,}", (x, y), (3, -9), textcoords="offset points", fontsize=6, color=TEXT
            )
        axes.set_xlabel("probability of the answer")
        axes.set_ylabel("share of answers that are right")

    points = "; ".join(f"{x:.2f}: {y:.2f}" for x, y in zip(said, found, strict=True))
    return drawn(name, f"share of answers that are right, by their probability: {points}", draw)


def reliability(answers: Array, targets: NDArray[Any]) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return, for each bin of confidence that is used, its mean, the right share and the count."""
    confidence = answers.max(axis=1)
    right = answers.argmax(axis=1) == targets
    bins = np.searchsorted(EDGES, confidence)
    counts = np.bincount(bins, minlength=BINS)
    used = counts > 0
    said = np.bincount(bins, confidence, BINS)[used] / counts[used]
    found = np.bincount(bins, right, BINS)[used] / counts[used]
    return said, found, counts[used]


def drawn(name: str, description: str, draw: Callable[[Axes], None]) -> Markup:
    """Return a chart as SVG, ready to stand in a page."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": name,  # the same chart has the same bytes
        "text.parse_math": False,  # a name may hold dollar signs
        "font.family": "sans-serif",
        "font.size": 9,
        "text.color": TEXT,
        "axes.edgecolor": TEXT,
        "axes.labelcolor": TEXT,
        "xtick.color": TEXT,
        "ytick.color": TEXT,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with rc_context(style):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.grid(alpha=0.25, color=TEXT)
        draw(axes)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _in_page(name, description, file.getvalue())


def _in_page(name: str, description: str, svg: str) -> Markup:
    """Return an SVG document as an element: its ids its own, its colours those of the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = svg.replace(TEXT, "currentColor")
    for number, colour in enumerate(COLOURS):
        svg = svg.replace(colour, f"var(--series-{number})")
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1))
