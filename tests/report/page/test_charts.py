"""Charts of a page: what they show, and in whose colours."""

import re
from typing import Any

import numpy as np
import pytest

from bpnet.report.page.charts import Curve, calibration, chart_of, reliability
from bpnet.report.page.examined import Examined
from bpnet.report.page.learning import learning_charts
from tests.report.page.test_examined import examined

__all__ = ["examined"]


def points(svg: str, series: int) -> list[list[tuple[float, float]]]:
    """Return the points of every line in a colour, in pixels; y grows downwards."""
    found = []
    for path in re.findall(r"<path ([^>]*)/>", svg):
        if f"stroke: var(--series-{series})" in path and "stroke-width: 1.5" in path:
            numbers = re.findall(r"[ML] ([0-9.]+) ([0-9.]+)", path)
            found.append([(float(x), float(y)) for x, y in numbers])
    return found


def test_lines_follow_their_numbers() -> None:
    first, second = Curve("a", [1, 2, 3], [1, 3, 2], 0), Curve("b", [1, 2, 3], [2, 2, 2], 1, True)
    svg = chart_of("loss", "loss", [first, second])
    (line,), (flat,) = points(svg, 0), points(svg, 1)
    heights = [y for _, y in line]
    assert heights[0] > heights[2] > heights[1], "3 lies above 2, and 2 above 1"
    assert len({y for _, y in flat}) == 1
    assert heights[2] == flat[2][1]
    assert "stroke-dasharray" in svg
    assert "a ends at 2; b ends at 2" in svg


@pytest.mark.parametrize("name", ["r$\\foo$", "_hidden", 'a & b <c> "d"'])
def test_names_are_words_and_not_markup(name: str) -> None:
    svg = chart_of("loss", "loss", [Curve(name, [1, 2], [1, 2], 0)])
    assert "<c>" not in svg
    assert svg.startswith("<svg ")


def test_one_epoch_has_one_place() -> None:
    svg = chart_of("loss", "loss", [Curve("a", [1], [0.5], 0)])
    ticks = re.findall(r'id="loss-xtick_\d+".*?<text[^>]*>([^<]*)</text>', svg, flags=re.DOTALL)
    assert ticks == ["1"]


def test_calibration_compares_what_was_said_with_what_was_right() -> None:
    answers = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.45, 0.55]])
    said, found, counts = reliability(answers, np.array([0, 1, 1, 1]))
    np.testing.assert_allclose(said, [0.55, 0.8, 0.9])
    np.testing.assert_allclose(found, [1, 1, 0.5])
    assert counts.tolist() == [1, 1, 2]
    assert "0.90: 0.50" in calibration("c", answers, np.array([0, 1, 1, 1]))


def test_every_run_has_a_colour_and_training_is_dashed(examined: Examined) -> None:
    import dataclasses

    history: list[dict[str, Any]] = [
        {"epoch": epoch, "train_loss": 1 / epoch, "validation_loss": 2 / epoch, "learning_rate": 1}
        for epoch in (1, 2)
    ]
    runs = [dataclasses.replace(examined, name=name, history=history) for name in "ab"]
    loss, rate = learning_charts(runs)
    for series in (0, 1):
        assert len(points(loss, series)) == 2
        assert len(points(rate, series)) == 1
    assert loss.count("stroke-dasharray") - rate.count("stroke-dasharray") == 2
    assert "a training ends at 0.5" in loss


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_metrics_without_a_number_have_no_curve(examined: Examined, value: float | None) -> None:
    import dataclasses

    history = [{"epoch": 1, "train_loss": value, "learning_rate": None}]
    assert learning_charts([dataclasses.replace(examined, history=history)]) == []
