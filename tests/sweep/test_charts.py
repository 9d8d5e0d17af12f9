"""The charts of a sweep: what is not known is not drawn."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from bpnet.report.page.charts import Curve
from bpnet.sweep.journal import Row, with_history
from bpnet.sweep.page.charts import learning
from bpnet.sweep.ranking import ranked
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.trials import Trial
from tests.helpers.sweeps import sweep_file


def test_an_epoch_without_a_loss_leaves_a_gap(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Curve] = []

    def chart_of(name: str, label: str, curves: Sequence[Curve]) -> None:
        drawn.extend(curves)

    monkeypatch.setattr("bpnet.sweep.page.charts.chart_of", chart_of)
    sweep = read_sweep(sweep_file(here, more="goal = validation_loss"))
    history: list[list[float | None]] = [[0.5, 0.9], [0.6, None], [0.7, 0.5]]
    row = with_history(Row(1, 1, {}, "finished", "trial001-seed1"), history)
    learning(sweep, ranked(sweep.settings, [Trial(1, {}, 3)], {(1, 1): row}))
    (curve,) = drawn
    assert [curve.values[0], curve.values[2]] == [0.9, 0.5]
    assert math.isnan(curve.values[1])
