"""Fill the page of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bpnet.html.page import render
from bpnet.report.page.charts import SERIES
from bpnet.sweep.page.charts import heat_map, learning, parallel_coordinates
from bpnet.sweep.ranking import Standing
from bpnet.sweep.settings import Sweep

HERE = Path(__file__).parent


def sweep_page(sweep: Sweep, name: str, standings: Sequence[Standing], told: Sequence[str]) -> str:
    """Return the page of a sweep.

    Args:
        sweep: that was trained.
        name: its title.
        standings: of its trials, the best first.
        told: lines about the chosen one.
    """
    has_values = any(one.spread is not None for one in standings)
    charts = []
    if has_values:
        charts = [parallel_coordinates(sweep, standings), heat_map(sweep, standings)]
    values = {
        "title": name,
        "sweep": sweep.settings,
        "keys": list(sweep.varied),
        "standings": standings,
        "told": told,
        "charts": [chart for chart in charts if chart is not None],
        "learning": learning(sweep, standings) if has_values else None,
        "series": SERIES,
    }
    return render(HERE, "sweep.html", values)
