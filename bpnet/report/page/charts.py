"""Draw learning curves and calibration with matplotlib, in colours that the page decides on."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpnet.model.calibration import BINS, EDGES
from bpnet.nn.layer import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES = 6  # colours of runs; style.css has as many
TEXT = "#010203"  # stands for the page's own colours until the drawing is in it
COLOURS = [f"#0102{10 + number}" for number in range(SERIES)]
SIZE = (4.8, 3.0)  # inches
Curve = tuple[str, Sequence[int], Sequence[float], int, bool]  # name, x, y, series, is dashed


def curves(name: str, description: str, label: str, lines: Sequence[Curve]) -> str:
    """Return a chart of numbers over epochs.

    Args:
        name: of the chart, different from all others of the page.
        description: for those who do not see it.
        label: of the vertical axis.
        lines: name, epochs, values, number of the colour, and whether the line is dashed.
    """
    from matplotlib.ticker import MaxNLocator

    def draw(axes: Axes) -> None:
        for title, epochs, values, series, is_dashed in lines:
            axes.plot(
                epochs,
                values,
                label=title,
                color=COLOURS[series % SERIES],
                linestyle="--" if is_dashed else "-",
                marker="o" if len(epochs) <= 30 else "",
                markersize=3,
            )
        all_epochs = [epoch for line in lines for epoch in line[1]]
        axes.set_xlim(min(all_epochs) - 0.5, max(all_epochs) + 0.5)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False, labelcolor=TEXT)

    return _drawn(name, description, draw)


def calibration(name: str, answers: Array, targets: NDArray[Any]) -> str:
    """Return a chart of how often answers are right, against how probable they were said to be.

    Args:
        name: of the chart, different from all others of the page.
        answers: probabilities (samples, classes).
        targets: the right classes (samples,).

    Source: Guo et al., 2017, figure 1.
    """
    confidence = answers.max(axis=1)
    right = answers.argmax(axis=1) == targets
    bins = np.searchsorted(EDGES, confidence)
    counts = np.bincount(bins, minlength=BINS)
    used = counts > 0
    said = np.bincount(bins, confidence, BINS)[used] / counts[used]
    found = np.bincount(bins, right, BINS)[used] / counts[used]

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=TEXT, linestyle=":", linewidth=1)
        axes.plot(said, found, color=COLOURS[0], marker="o", markersize=4)
        for x, y, count in zip(said, found, counts[used], strict=True):
            axes.annotate(
                f"{count:,}", (x, y), (3, -9), textcoords="offset points", fontsize=6, color=TEXT
            )
        axes.set_xlabel("probability of the answer")
        axes.set_ylabel("answers that are right")

    points = "; ".join(f"{x:.2f}: {y:.2f}" for x, y in zip(said, found, strict=True))
    return _drawn(name, f"part of right answers by their probability: {points}", draw)


def _drawn(name: str, description: str, draw: Callable[[Axes], None]) -> str:
    """Return a chart as SVG, ready to stand in a page."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": name,  # the same chart has the same bytes
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


def _in_page(name: str, description: str, svg: str) -> str:
    """Return an SVG document as an element: its ids its own, its colours those of the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = svg.replace(TEXT, "currentColor")
    for number, colour in enumerate(COLOURS):
        svg = svg.replace(colour, f"var(--series-{number})")
    described = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return svg.replace("<svg", f'<svg role="img" aria-label="{described}"', 1)
