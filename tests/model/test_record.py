"""The record of a checkpoint: what a stranger may write in it, and what is refused."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from bpnet.config.settings import Config
from bpnet.config.values import MOST_NUMBERS
from bpnet.config.writer import format_config
from bpnet.errors import CheckpointError
from bpnet.model import record as module
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.record import RECORD, RecordError, read_record
from bpnet.training.saving import save_checkpoint
from tests.conftest import Run
from tests.helpers.forged import forge_record
from tests.helpers.tiny import fail

WRONG: list[tuple[str, Any]] = [
    ("normalization", [0.0, 0.0]),
    ("normalization", [-1.0, 0.0]),
    ("normalization", [1e308, 1e308]),
    ("progress__seconds", -1.0),
    ("progress__ends", [10**9]),
    ("progress__epoch", 10**15),
    ("format", True),
    ("format", 1.0),
    ("format", 0),
    ("config", None),
    ("config", "\ud800"),
    ("input_shape", [-1, 8, 8]),
    ("input_shape", [0]),
    ("input_shape", [[1], 8, 8]),
    ("input_shape", []),
    ("input_shape", [10**9, 10**9, 10**9]),
    ("input_shape", [10**6, 10**6]),
    ("input_shape", [1.0, 8, 8]),
    ("outputs", -3),
    ("outputs", "3"),
    ("outputs", True),
    ("normalization", ["a", "b"]),
    ("normalization", [None, None]),
    ("normalization", [1.0]),
    ("normalization", [[1.0], [0.0]]),
    ("normalization", [float("nan"), 0.0]),
    ("normalization", [float("inf"), 0.0]),
    ("normalization", [10**400, 0.0]),
    ("normalization", [True, False]),
    ("class_names", [0, 1, 2]),
    ("class_names", [None, None, None]),
    ("class_names", ["0", "1"]),
    ("class_names", ["0", "1", "1"]),
    ("class_names", ["0", "1", ""]),
    ("class_names", ["0", "1", "\udcff"]),
    ("class_names", ["0", "1", "x" * 101]),
    ("class_names", [str(number) for number in range(10_001)]),
    ("class_names", "012"),
    ("temperature", "0.5"),
    ("temperature", 0),
    ("temperature", -1.0),
    ("temperature", 1e-4),
    ("temperature", 1e4),
    ("temperature", True),
    ("temperature", float("nan")),
    ("fingerprint", 7),
    ("fingerprint", ["a"]),
    ("started_from", None),
    ("started_from", {"checkpoint": "a.npz"}),
    ("started_from", {"checkpoint": "a.npz", "sha256": 7}),
    ("preparation", 3),
    ("preparation", {}),
    ("preparation__frame", [8, 9]),
    ("preparation__paper", -1),
    ("preparation__paper", 256.0),
    ("preparation__paper", True),
    ("preparation__ink", None),
    ("preparation__strokes", 1),
    ("preparation__box", [0, 8]),
    ("preparation__box", [9, 8]),
    ("preparation__centre", [4.0]),
    ("preparation__centre", [4.0, float("nan")]),
    ("preparation__by_mass", None),
    ("preparation__orientation", ["upright"]),
    ("preparation__orientation", [0, 0, 0]),
    ("preparation__bounds", []),
    ("preparation__bounds", [[0.0, 1.0]] * 7),
    ("preparation__bounds", [[0.0]] * 6),
    ("progress", None),
    ("progress", []),
    ("progress__ends", 3),
    ("progress__ends", []),
    ("progress__ends", ["3"]),
    ("progress__ends", [2]),
    ("progress__ends", [5, 4]),
    ("progress__epoch", -1),
    ("progress__epoch", 2),
    ("progress__epoch", "3"),
    ("progress__epoch", True),
    ("progress__batch", 1),
    ("progress__step", 1),
    ("progress__step", 10**30),
    ("progress__loss_sum", None),
    ("progress__correct", 1),
    ("progress__seconds", "long"),
    ("progress__best_score", 0.5),
    ("progress__best_score", ["a", "b"]),
    ("progress__best_epoch", 4),
    ("progress__patience_from", 4),
    ("progress__patience_score", [0.5]),
    ("progress__first_loss", "low"),
    ("progress__first_loss", float("nan")),
    ("progress__stopped_early", 0),
    ("progress__history", []),
    ("progress__history", [[], [], []]),
    ("progress__history", {}),
]
CONTRADICTS = {  # what these wrong values do not agree with
    "progress__epoch": "progress.",
    "progress__batch": "progress.step",
}


@pytest.fixture
def record(tiny_run: Run) -> dict[str, Any]:
    return load_checkpoint(tiny_run.path / "last.npz").record


def refused(record: object) -> str:
    """Return the message with which a record is refused."""
    with pytest.raises(RecordError) as caught:
        read_record(json.dumps(record).encode())  # NaN and infinity as Python writes them
    error = caught.value
    message = f"{error.what}, expected {error.expected}, found {error.found}"
    assert len(message) < 1000
    return message


def test_every_wrong_value_is_named(record: dict[str, Any]) -> None:
    for key, value in WRONG:
        outer, _, inner = key.partition("__")
        changed = record[outer] | {inner: value} if inner else value
        message = refused(record | {outer: changed})
        blamed = CONTRADICTS.get(key, key.replace("__", "."))
        assert f"no usable {blamed}" in message or "not JSON" in message, (key, value, message)


def test_ink_that_is_as_grey_as_the_paper_is_refused(record: dict[str, Any]) -> None:
    """Nothing could be divided by their difference."""
    form = record["preparation"]
    assert "preparation.ink" in refused(
        record | {"preparation": form | {"ink": form["paper"] + 0.25}}
    )


def test_every_wrong_epoch_of_the_history_is_named(record: dict[str, Any]) -> None:
    wrong = [("epoch", 7), ("epoch", "2"), ("step", None), ("train_loss", "low"), ("seconds", None)]
    history = record["progress"]["history"]
    for key, value in wrong:
        changed = [history[0], history[1] | {key: value}, *history[2:]]
        assert "progress.history" in refused(
            record | {"progress": record["progress"] | {"history": changed}}
        )


@pytest.mark.parametrize("key", ["format", "config", "normalization", "fingerprint"])
def test_a_missing_value_is_named(record: dict[str, Any], key: str) -> None:
    del record[key]
    message = refused(record)
    assert key in message
    assert "found nothing" in message


def test_the_command_line_says_where_what_was_expected_and_found(
    tiny_run: Run, tmp_path: Path
) -> None:
    path = forge_record(tiny_run.path / "last.npz", tmp_path / "a.npz", normalization=[1.0])
    for words in (("eval", path), ("summary", path), ("train", "--resume", path)):
        message = fail(4, *words)
        assert "no usable normalization" in message
        assert f"where: {path}\n  expected: a factor above 0 and an offset" in message
        assert "found: [1.0]" in message


def test_what_an_honest_run_writes_is_accepted(tiny_run: Run, tmp_path: Path) -> None:
    """The same copy with nothing changed loads: only the changes above are refused."""
    source = tiny_run.path / "last.npz"
    copy = forge_record(source, tmp_path / "a.npz", stranger=[1, {"a": None}])
    assert load_checkpoint(copy).record == load_checkpoint(source).record | {
        "stranger": [1, {"a": None}]
    }


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"null",
        b"[" * 700_000,
        b'{"a":' * 200_000,
        b'{"format": ' + b"1" * 5000 + b"}",
        b'{"format": 1e999}',
        b'{"format": NaN}',
        b'{"format": -Infinity}',
    ],
    ids=range(9),
)
def test_text_that_is_no_record_is_refused(text: bytes) -> None:
    with pytest.raises(RecordError):
        read_record(text)


def test_a_record_that_could_not_be_read_again_is_not_written(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.npz"
    path.write_bytes((tiny_run.path / "last.npz").read_bytes())
    before = path.read_bytes()
    checkpoint = load_checkpoint(path)
    for limit in ("LARGEST_TEXT", "MOST_VALUES"):
        with monkeypatch.context() as patch:
            patch.setattr(module, limit, 50)
            with pytest.raises(CheckpointError, match="record is too large"):
                save_checkpoint(path, checkpoint.record, checkpoint.arrays)
    assert path.read_bytes() == before


def test_the_longest_config_that_can_be_trained_can_be_read_again() -> None:
    longest = -1.2345678901234567e-300
    rows = ((longest,) * 1000,) * (MOST_NUMBERS // 1000)
    data = dataclasses.replace(Config().data, dataset="table", inputs=rows)
    text = format_config(dataclasses.replace(Config(), data=data))
    assert len(text) > 10**6
    assert RECORD["config"].fits(text)
