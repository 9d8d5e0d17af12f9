"""Put the learning curves of several runs into common charts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from bpnet.report.page.charts import Curve, chart_of
from bpnet.report.page.examined import Examined

PARTS = (("train", "training", True), ("validation", "validation", False))
CHARTS = (  # name, label, factor, and the metrics with their words and whether they are dashed
    ("accuracy", "accuracy, %", 100, tuple((f"{part[0]}_accuracy", *part[1:]) for part in PARTS)),
    ("loss", "loss", 1, tuple((f"{part[0]}_loss", *part[1:]) for part in PARTS)),
    ("rate", "learning rate", 1, (("learning_rate", "", False),)),
)


def learning_charts(runs: Sequence[Examined]) -> list[Markup]:
    """Return charts of accuracy, loss and learning rate, as far as runs have recorded them."""
    found = []
    for name, label, factor, metrics in CHARTS:
        curves = [
            curve
            for series, run in enumerate(runs)
            for metric, words, is_dashed in metrics
            if (curve := curve_of(run, metric, words, factor, series, is_dashed)) is not None
        ]
        if curves:
            found.append(chart_of(name, label, curves))
    return found


def curve_of(
    run: Examined, metric: str, words: str, factor: float, series: int, is_dashed: bool
) -> Curve | None:
    """Return what a run recorded of a metric; None if it has no finite number for some epoch."""
    values = [record.get(metric) for record in run.history]
    numbers = [factor * value for value in values if isinstance(value, int | float)]
    if not numbers or len(numbers) < len(values) or not all(map(math.isfinite, numbers)):
        return None
    epochs = [int(record["epoch"]) for record in run.history]
    return Curve(f"{run.name} {words}".strip(), epochs, numbers, series, is_dashed)
