"""Draw how speed grows with the number of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from scaling.model import NETWORKS, Work

MOST_RANKS = 16
RANKS = (1, 2, 4, 8, 16)
STYLES: Sequence[Literal["--", "-"]] = ("--", "-")  # of the networks


def draw(works: Mapping[str, Work], measured: Mapping[str, float], path: Path) -> None:
    """Draw what the model predicts for each network, and what two ranks of one machine reached.

    Args:
        works: what a step of each net consists of.
        measured: how many times as fast as one worker two ranks were.
        path: of the picture.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(RANKS, RANKS, color="0.75", linewidth=1)
    handles = [Line2D([], [], color="0.75", label="as many times as ranks")]
    for number, (net, work) in enumerate(works.items()):
        colour = f"C{number}"
        for link, style in zip(NETWORKS.values(), STYLES, strict=True):
            many = range(1, MOST_RANKS + 1)
            speeds = [work.speedup(ranks, link) for ranks in many]
            axes.plot(many, speeds, style, color=colour)
        axes.plot([2], [measured[net]], "o", color=colour, markersize=5)
        handles.append(Line2D([], [], color=colour, label=net))
    for name, style in zip(NETWORKS, STYLES, strict=True):
        handles.append(Line2D([], [], color="0.3", linestyle=style, label=f"predicted, {name}"))
    dot = Line2D([], [], color="0.3", marker="o", linestyle="", markersize=5)
    dot.set_label("measured on one machine")
    handles.append(dot)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.set_xticks(RANKS)
    axes.set_xlabel("ranks")
    axes.set_ylabel("times as fast as one worker")
    axes.legend(handles=handles, fontsize="small", frameon=False)
    figure.savefig(path, dpi=130)
