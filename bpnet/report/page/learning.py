"""Put the learning curves of several runs into common charts."""

from __future__ import annotations

from collections.abc import Sequence

from bpnet.report.page.charts import Curve, curves
from bpnet.report.page.examined import Examined

CHARTS = (  # name, label, factor, and the metrics with the words for them
    ("accuracy", "accuracy, %", 100, (("train", "training"), ("validation", "validation"))),
    ("loss", "loss", 1, (("train", "training"), ("validation", "validation"))),
)
RATE = "learning_rate"


def learning_charts(runs: Sequence[Examined]) -> list[str]:
    """Return charts of accuracy, loss and learning rate, as far as runs have recorded them."""
    found = []
    for name, label, factor, parts in CHARTS:
        lines = [
            (f"{run.name}, {words}", *points, number, prefix == "train")
            for number, run in enumerate(runs)
            for prefix, words in parts
            if (points := recorded(run, f"{prefix}_{name}", factor)) is not None
        ]
        if lines:
            found.append(curves(name, described(label, lines), label, lines))
    rates = [
        (run.name, *points, number, False)
        for number, run in enumerate(runs)
        if (points := recorded(run, RATE, 1)) is not None
    ]
    if rates:
        found.append(curves("rate", described("learning rate", rates), "learning rate", rates))
    return found


def recorded(run: Examined, metric: str, factor: float) -> tuple[list[int], list[float]] | None:
    """Return epochs and values of a metric; None if it was not recorded after every epoch."""
    values = [record[metric] for record in run.history if record.get(metric) is not None]
    if not values or len(values) < len(run.history):
        return None
    return [record["epoch"] for record in run.history], [factor * value for value in values]


def described(label: str, lines: Sequence[Curve]) -> str:
    """Return a chart in words."""
    ends = "; ".join(f"{line[0]} ends at {line[2][-1]:.4g}" for line in lines)
    return f"{label} by epoch: {ends}"
