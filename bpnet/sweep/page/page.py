"""Fill the page of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bpnet.html.page import render
from bpnet.report.page.charts import SERIES
from bpnet.sweep.goal import Goal
from bpnet.sweep.page.charts import heat_map, learning, over_seeds, parallel_coordinates
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
    goal = Goal(sweep.settings)
    charts = {}
    if any(one.spread is not None for one in standings):
        charts = {
            "parallel": parallel_coordinates(sweep, standings),
            "heat": heat_map(sweep, standings),
            "seeds": over_seeds(sweep, standings),
            "learning": learning(sweep, standings),
        }
    values = {
        "title": name,
        "sweep": sweep.settings,
        "keys": list(sweep.varied),
        "standings": standings,
        "told": told,
        "charts": {key: chart for key, chart in charts.items() if chart is not None},
        "goal": goal,
        "rows": [_row(sweep, one, goal) for one in standings],
        "series": [one.trial.number for one in standings if one.spread is not None][:SERIES],
    }
    return render(HERE, "sweep.html", values)


def _row(sweep: Sweep, one: Standing, goal: Goal) -> list[str]:
    """Return the cells of a trial in the table, behind its number."""
    spread = one.spread
    values = ["–"] * 3
    if spread is not None:
        around = (spread.standard_error, spread.standard_deviation)
        values = [goal.text(spread.mean), *map(goal.width, around)]
    epochs = sorted({row.epochs for row in one.rows if row.epochs is not None})
    return [
        *(text.replace("\n", ", ") for text in one.trial.settings.values()),
        *values,
        f"{len(one.rows)}/{len(sweep.settings.seeds)}",
        ", ".join(map(str, epochs)),
        ", ".join(sorted({row.state for row in one.rows})),
    ]
