"""Learning curves: what runs have in common, in which units, as text and as a picture."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bpnet.errors import CheckpointError, ConfigError, DataError
from bpnet.report.curves import (
    LABELS,
    History,
    check_picture,
    choose_metric,
    compare,
    draw_picture,
    read_history,
)
from bpnet.report.text_chart import MARKS, WIDTH, Axis, Curve, draw_chart, epoch_ticks


def history(name: str, losses: Sequence[float], cost: str = "mse", **more: float) -> History:
    records = [
        {"epoch": epoch, "train_loss": loss, "learning_rate": 0.1, **more}
        for epoch, loss in enumerate(losses, start=1)
    ]
    return History(name, Path(name), cost, records)


def plot(chart: str) -> list[str]:
    """Return what stands to the right of a chart's upright axis, from above."""
    parts = [re.split("[│┤]", line) for line in chart.splitlines()]
    return [part[1] for part in parts if len(part) == 2]


# The chart


def test_a_falling_line_falls_from_corner_to_corner() -> None:
    rows = plot(draw_chart([Curve("a", range(1, 6), [4, 3, 2, 1, 0])], "title"))
    places = {(row, line.index("o")) for row, line in enumerate(rows) if "o" in line}
    width = max(column for _, column in places)
    height = len(rows) - 1
    assert sorted(places) == [
        (round(height * part / 4), round(width * part / 4)) for part in range(5)
    ]
    assert "·" in "".join(rows)


def test_axes_carry_numbers_and_a_legend_names_each_mark() -> None:
    curves = [Curve("one", [1, 2, 3], [0.1, 0.5, 0.9], "ends at 0.9")]
    curves += [Curve("another", [1, 2, 3], [0.9, 0.5, 0.2], "ends at 0.2")]
    lines = draw_chart(curves, "the title").splitlines()
    assert lines[0] == "the title"
    numbers = [line.split()[0] for line in lines if "┤" in line]
    assert numbers == ["1.0", "0.8", "0.6", "0.4", "0.2", "0.0"]
    assert lines[-5].split() == ["1", "2", "3"]
    assert lines[-4].strip() == "epoch"
    assert lines[-2:] == ["  o one      ends at 0.9", "  x another  ends at 0.2"]


@pytest.mark.parametrize(
    "values", [[5e-7, 3e-7], [12345678.0, 3.0], [0.4], [0.0, 0.0], [-3.0, 2.5], [1.0] * 40]
)
def test_no_line_is_wider_than_a_terminal_and_all_points_are_inside(values: list[float]) -> None:
    chart = draw_chart([Curve("a", range(1, len(values) + 1), values)], "t")
    assert max(map(len, chart.splitlines())) <= WIDTH
    assert 12 <= len(plot(chart)) <= 26
    assert sum(line.count("o") for line in plot(chart)) == len(values)


NAMES = ("neuron", "neuron-cross-entropy-20261129-061645-with-a-long-name")


@pytest.mark.parametrize("last", [3, 40, 300, 99_999])
@pytest.mark.parametrize("width", [24, 30, 40, 57, 80, 200])
def test_a_chart_fits_the_terminal_down_to_24_columns(width: int, last: int) -> None:
    epochs = [1, last // 2, last]
    ending = "ends at 0.0123 (binary_cross_entropy 0.05 of 4.02)"
    curves = [Curve(name, epochs, [4.0, 2.0, 0.05], ending) for name in NAMES]
    title = "training loss over each epoch, relative to that of the first epoch"
    chart = draw_chart(curves, title, width)
    lines = chart.splitlines()
    room = min(width, 80)
    assert max(map(len, lines)) <= room
    assert max(map(len, plot(chart))) > room / 2  # and is used
    words = " ".join(chart.split())
    assert title in words
    assert "".join(words.split()).count("".join(ending.split())) == 2
    ticks = lines[next(place for place, line in enumerate(lines) if "└" in line) + 1].split()
    assert ticks == sorted(set(ticks), key=int)
    assert int(ticks[-1]) <= last  # none runs into the next
    assert len(ticks) >= 2


@pytest.mark.parametrize("width", [8, 16, 23])
def test_where_no_chart_fits_title_and_legend_do(width: int) -> None:
    chart = draw_chart(
        [Curve(name, [1, 2], [2.0, 0.5], "ends at 0.5") for name in NAMES], "a", width
    )
    assert max(map(len, chart.splitlines())) <= width
    assert not {"┤", "·"} & {*chart}
    assert "".join(chart.split()).startswith("aoneuronendsat0.5xneuron-cross-entropy")


def test_wide_numbers_leave_room_for_a_chart_in_24_columns() -> None:
    chart = draw_chart([Curve("a", [1, 99_999], [123456.5, 123456.0])], "t", 24)
    chart += draw_chart([Curve("a", [1, 10**12], [5e-7, 3e-7])], "t", 24)
    assert max(map(len, chart.splitlines())) <= 24
    assert "┤" in chart


def test_a_note_is_broken_as_well() -> None:
    runs = [history("a", [2, 1]), history("b", [4, 1], "cross_entropy")]
    for width in (12, 24, 40, 80):
        text = compare(runs, "train_loss").text(width)
        assert max(map(len, text.splitlines())) <= width
        assert "each is divided by its own first value." in " ".join(text.split())


def test_every_point_is_drawn_and_shared_places_take_turns() -> None:
    same = [0.5, 0.4, 0.3, 0.2]
    rows = "".join(plot(draw_chart([Curve("a", range(4), same), Curve("b", range(4), same)], "t")))
    assert (rows.count("o"), rows.count("x")) == (2, 2)


def test_marks_differ() -> None:
    assert len(set(MARKS)) == len(MARKS) >= 20
    curves = [Curve(str(n), [1, 2], [n, n]) for n in range(8)]
    rows = "".join(plot(draw_chart(curves, "t")))
    assert {mark for mark in rows if mark not in " ·"} == set(MARKS[:8])


def test_a_shorter_run_ends_earlier() -> None:
    chart = draw_chart([Curve("a", range(1, 11), [1] * 10), Curve("b", range(1, 6), [0] * 5)], "t")
    rows = plot(chart)
    assert rows[0].rindex("o") == pytest.approx(rows[-1].rindex("x") * 9 / 4, abs=2)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 1.0], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([81.2, 94.1], ["80", "85", "90", "95"]),
        ([82.0, 93.0], ["80.0", "82.5", "85.0", "87.5", "90.0", "92.5", "95.0"]),
        ([0.9], ["0.8", "1.0"]),
        ([0.48217, 0.48208], [f"0.482{n}" for n in ("08", "10", "12", "14", "16", "18")]),
        ([2e6, 2000010.0], [str(n) for n in range(2000000, 2000011, 2)]),
        ([2e6, 3e6], ["2e+06", "2.2e+06", "2.4e+06", "2.6e+06", "2.8e+06", "3e+06"]),
        ([1e-8, 2e-8], ["1e-08", "1.2e-08", "1.4e-08", "1.6e-08", "1.8e-08", "2e-08"]),
    ],
)
def test_numbers_on_the_axis_are_even(values: list[float], labels: list[str]) -> None:
    assert Axis.around(values).labels() == labels


@pytest.mark.parametrize("seed", range(300))
def test_numbers_on_the_axis_differ(seed: int) -> None:
    rng = np.random.default_rng(seed)
    middle = rng.normal() * 10 ** rng.uniform(-12, 12)
    values = middle * (1 + 10 ** rng.uniform(-17, 2) * rng.uniform(-1, 1, rng.integers(1, 9)))
    axis = Axis.around(values.tolist())
    labels = axis.labels()
    assert len(set(labels)) == len(labels) >= 2
    assert float(labels[0]) == pytest.approx(axis.low, abs=axis.step / 50)
    assert sorted(labels, key=float) == labels
    assert all(-1e-3 <= axis.place(value) <= 1 + 1e-3 for value in values)


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [
        (1, 5, [1, 2, 3, 4, 5]),
        (1, 1, [1]),
        (1, 12, [2, 4, 6, 8, 10, 12]),
        (1, 300, [1, 50, 100, 150, 200, 250, 300]),
    ],
)
def test_epochs_on_the_axis_are_even(first: int, last: int, ticks: list[int]) -> None:
    assert epoch_ticks(first, last) == ticks


# What can be compared


def test_the_most_telling_metric_that_all_have_is_chosen() -> None:
    everything = set(LABELS)
    trained = {"train_accuracy", "train_loss", "learning_rate"}
    numbers = {"train_loss", "learning_rate"}
    assert choose_metric(None, {"a": everything, "b": everything}) == "validation_accuracy"
    assert choose_metric(None, {"a": everything, "b": trained}) == "train_accuracy"
    assert choose_metric(None, {"a": trained, "b": numbers}) == "train_loss"
    assert choose_metric("loss", {"a": everything, "b": everything}) == "validation_loss"
    assert choose_metric("loss", {"a": everything, "b": trained}) == "train_loss"
    assert choose_metric("train_loss", {"a": everything}) == "train_loss"


def test_mean_errors_are_chosen_where_they_are_asked_for() -> None:
    offers = {"a": {"train_loss", "train_mae", "validation_mae", "train_mse"}}
    assert choose_metric(None, offers) == "train_loss"
    assert choose_metric("mae", offers) == "validation_mae"
    assert choose_metric("mse", offers) == "train_mse"
    with pytest.raises(ConfigError, match="b has no mae"):
        choose_metric("mae", offers | {"b": {"train_loss"}})


def test_a_metric_that_a_run_lacks_is_an_error_that_names_the_run() -> None:
    offers = {"a": set(LABELS), "b": {"train_loss", "learning_rate"}}
    with pytest.raises(ConfigError, match="b has no accuracy") as caught:
        choose_metric("accuracy", offers)
    assert "one of train_loss, learning_rate" in str(caught.value)


def test_losses_of_one_kind_are_shown_as_they_are() -> None:
    compared = compare([history("a", [2, 1]), history("b", [4, 1])], "train_loss")
    assert [curve.values for curve in compared.curves] == [[2, 1], [4, 1]]
    assert compared.note == ""
    assert compared.label == "training loss over each epoch: mse"


def test_losses_of_different_kinds_are_scaled_and_it_is_said() -> None:
    runs = [history("a", [2, 1]), history("b", [4, 1], "cross_entropy")]
    compared = compare(runs, "train_loss")
    assert [curve.values for curve in compared.curves] == [[1, 0.5], [1, 0.25]]
    assert "different units" in compared.text()
    assert "relative to that of the first epoch" in compared.label
    assert "cross_entropy 1 of 4" in compared.text()
    assert compare(runs, "learning_rate").note == ""


def test_accuracies_are_percentages_whatever_the_losses() -> None:
    runs = [history("a", [2, 1], train_accuracy=0.25), history("b", [4], "x", train_accuracy=0.5)]
    compared = compare(runs, "train_accuracy")
    assert [curve.values for curve in compared.curves] == [[25, 25], [50]]
    assert "%" in compared.label
    assert "25.00 % after epoch 2" in compared.text()


# What a run has noted


def write_run(folder: Path, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "metrics.jsonl").write_text("".join(line + "\n" for line in lines))
    (folder / "config.ini").write_text("[train]\nlabel_smoothing = 0.1\n")
    return folder


def test_a_run_is_read_with_what_its_loss_measures(tmp_path: Path) -> None:
    epoch: dict[str, Any] = {"epoch": 1, "train_loss": 0.5, "train_accuracy": None}
    found = read_history("mine", write_run(tmp_path, json.dumps(epoch)))
    assert (found.name, found.epochs, found.values("train_loss")) == ("mine", [1], [0.5])
    assert found.cost == "cross_entropy, smoothing 0.1"
    assert found.offers() == {"train_loss"}


def test_only_finite_numbers_are_offered(tmp_path: Path) -> None:
    lines = [
        '{"epoch": 1, "train_loss": 1, "validation_loss": 0.5, "learning_rate": 0.1}',
        '{"epoch": 2, "train_loss": NaN, "validation_loss": Infinity, "learning_rate": 0.1}',
    ]
    assert read_history("a", write_run(tmp_path, *lines)).offers() == {"learning_rate"}
    assert read_history("a", write_run(tmp_path, *lines[1:])).offers() == {"learning_rate"}
    offers = {"a": {"train_loss"}, "b": set[str]()}
    with pytest.raises(ConfigError, match="b has no metric"):
        choose_metric(None, offers)
    with pytest.raises(ConfigError, match="there is no metric that all runs have"):
        choose_metric(None, offers | {"b": {"learning_rate"}})


@pytest.mark.parametrize("line", ["{", "[]", "3", '{"step": 3}', '{"epoch": "one"}'])
def test_damaged_metrics_are_an_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_history("a", write_run(tmp_path, line))


def test_epochs_are_whole_numbers_however_they_are_written(tmp_path: Path) -> None:
    history = read_history("a", write_run(tmp_path / "a", '{"epoch": 1.0, "train_loss": 2}'))
    assert [str(epoch) for epoch in history.epochs] == ["1"]


def test_a_directory_without_a_run_or_an_epoch_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"run directory of `bpnet train`"):
        read_history("a", tmp_path)
    with pytest.raises(CheckpointError, match="no epoch yet"):
        read_history("a", write_run(tmp_path))


# The picture


def test_a_picture_is_drawn_in_the_format_of_its_name(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    compared = compare([history("a", [2, 1]), history("b", [4, 1], "x")], "train_loss")
    for name, start in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")):
        check_picture(tmp_path / name)
        draw_picture(compared, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    with pytest.raises(DataError, match="cannot be written"):
        draw_picture(compared, tmp_path / "nowhere" / "a.png")


def test_nothing_in_a_picture_is_cut_off(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    different = compare([history("a", [2, 1]), history("b", [4, 1], "x")], "train_loss")
    assert len(different.label) > 50
    draw_picture(different, tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("L"))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (edge == 255).all()


def test_what_prevents_a_picture_is_told_beforehand(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    with pytest.raises(ConfigError, match=r"a name that ends in \.png, \.svg, \.pdf"):
        check_picture(tmp_path / "a.txt")
    with pytest.raises(DataError, match="no such folder"):
        check_picture(tmp_path / "nowhere" / "a.png")
