"""`bpnet predict` of many pictures: answers as they come, in order, in three forms for programs."""

import csv
import io
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bpnet.cli import predict_bar
from bpnet.library import many_pictures
from bpnet.library.picture_reader import together, words
from bpnet.model.forks import CAN_FORK
from tests.conftest import Run
from tests.helpers.file_server import serving, status, whole
from tests.helpers.tiny import Answer, call, command, fail, process_environment, succeed

COUNT = 9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Draw bars of rising height, and a blank picture."""
    place = tmp_path / "pictures"
    place.mkdir()
    for number in range(COUNT):
        pixels = np.full((60, 60), 255, dtype=np.uint8)
        pixels[10 : 50 - 2 * number, 27:33] = 20
        pixels[10 : 16 + 2 * number, 27:45] = 20
        if number == 4:
            pixels[:] = 255
        Image.fromarray(pixels).save(place / f"{number}.png")
    return place


def predict(run: Run, *words: object) -> Answer:
    return succeed("predict", "--checkpoint", run.path, *words)


def document(run: Run, *words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(predict(run, *words, "--json").out)
    return found


def test_a_folder_is_answered_in_order_whoever_computes(
    digit_run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = []
    for cores in (1, 3):
        monkeypatch.setattr(many_pictures, "available_cores", lambda cores=cores: cores)
        answers.append(predict(digit_run, folder).out)
    names = [str(folder / f"{number}.png") for number in range(COUNT)]
    assert [line.partition(": ")[0] for line in answers[0].splitlines()] == names
    assert len({line.partition(": ")[2] for line in answers[0].splitlines()}) > 5
    assert answers[0] == answers[1]
    assert document(digit_run, folder)["predictions"] == document(digit_run, *names)["predictions"]


def test_the_document_is_written_as_json_writes_it(digit_run: Run, folder: Path) -> None:
    for images in ((folder,), (folder / "1.png",), (folder, "--segment")):
        written = predict(digit_run, *images, "--json").out
        assert written == json.dumps(json.loads(written), indent=2) + "\n"
    answer = call("predict", "--checkpoint", digit_run.path, "nowhere.png", "--json")
    assert answer.code == 3
    assert answer.out == json.dumps(json.loads(answer.out), indent=2) + "\n"
    assert json.loads(answer.out)["predictions"] == []


def test_each_line_is_a_prediction_or_a_row_of_a_table(digit_run: Run, folder: Path) -> None:
    expected = document(digit_run, folder, "--top", 2)["predictions"]
    lines = predict(digit_run, folder, "--top", 2, "--jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == expected
    rows = list(csv.DictReader(io.StringIO(predict(digit_run, folder, "--top", 2, "--csv").out)))
    assert len(rows) == COUNT
    for row, entry in zip(rows, expected, strict=True):
        for key in ("image", "label", "probability", "reason"):
            assert row[key] == ("" if entry[key] is None else str(entry[key]))
        assert row["warnings"] == "; ".join(entry["warnings"])
        for place, item in enumerate(entry["top"], start=1):
            assert row[f"label_{place}"] == item["label"]
            assert float(row[f"probability_{place}"]) == item["probability"]
    (row,) = csv.DictReader(
        io.StringIO(predict(digit_run, folder / "1.png", "--segment", "--csv").out)
    )
    assert list(row) == ["image", "text", "reason", "warnings"]
    message = fail(2, "predict", folder, "--json", "--csv")
    assert "--json --csv" in message


def test_an_improbable_answer_is_not_sure(digit_run: Run, folder: Path) -> None:
    usual = document(digit_run, folder)["predictions"]
    middle = sorted(entry["probability"] for entry in usual if entry["label"])[4]
    careful = document(digit_run, folder, "--min-probability", middle)["predictions"]
    for entry, before in zip(careful, usual, strict=True):
        assert entry["top"] == before["top"]
        if before["label"] is None:
            assert entry == before
            assert entry["reason"] == "no digit"
        elif before["probability"] < middle:
            assert (entry["label"], entry["probability"], entry["reason"]) == (
                None,
                None,
                "not sure",
            )
        else:
            assert entry == before
            assert entry["reason"] is None
    told = predict(digit_run, folder / "1.png", "--min-probability", 1).out
    first = usual[1]["top"][0]
    assert f"not sure  ({first['label']} {first['probability']:.1%}, " in told
    for wrong in ("nan", "1.1", "-0.1", "x"):
        fail(2, "predict", folder, "--min-probability", wrong)


def test_a_digit_of_several_that_is_not_sure_is_a_question_mark(
    digit_run: Run, folder: Path
) -> None:
    words = ("--segment", folder / "1.png", folder / "4.png", "--min-probability", 1)
    unsure, blank = document(digit_run, *words)["predictions"]
    assert (unsure["text"], unsure["reason"]) == ("?", "not sure")
    assert [digit["label"] for digit in unsure["digits"]] == [None]
    assert unsure["digits"][0]["top"]
    assert (blank["text"], blank["reason"], blank["digits"]) == ("", "no digit", [])
    (sure,) = document(digit_run, *words[:2])["predictions"]
    assert sure["reason"] is None


def test_rows_of_digits_are_lines_of_the_text() -> None:
    def entry(label: str | None, reason: str | None = None) -> dict[str, Any]:
        top = [] if reason == "no digit" else [{"label": label or "1", "probability": 0.5}]
        return {"label": label, "reason": reason, "top": top, "warnings": [f"of {label}"]}

    rows = [[entry("1"), entry(None, "not sure")], [entry(None, "no digit")], [entry("3")]]
    found = together(rows)
    assert (found["text"], found["reason"]) == ("1?\n3", "not sure")
    assert [digit["label"] for digit in found["digits"]] == ["1", None, "3"]
    assert found["warnings"] == ["of 1", "of None", "of None", "of 3"]
    assert words(found) == "1? / 3"


def test_what_cannot_be_read_is_named_when_its_turn_comes(digit_run: Run, folder: Path) -> None:
    (folder / "5.png").write_bytes(b"no picture")
    (folder / "notes.txt").touch()
    words = ("predict", "--checkpoint", digit_run.path, folder, folder / "*.gif", "")
    answer = call(*words)
    assert answer.code == 3
    assert len(answer.out.splitlines()) == COUNT - 1
    assert f"{folder / '5.png'}: this is not a picture" in answer.err
    assert "names no picture" in answer.err
    assert "3 of 11 pictures" in answer.err
    assert "left out: 1 files" in answer.err


def test_a_picture_comes_from_a_server(
    digit_run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    content = (folder / "1.png").read_bytes()
    with serving(whole(content), whole(b"no picture"), status(404)) as server:
        address = server.url.replace("//", "//user:secret@") + "/1.png?token=secret"
        (entry,) = document(digit_run, address)["predictions"]
        damaged = fail(3, "predict", address)
        missing = fail(3, "predict", address)
    (same,) = document(digit_run, folder / "1.png")["predictions"]
    assert {**entry, "image": ""} == {**same, "image": ""}
    shown = server.url.replace("//", "//***@") + "/1.png?***"
    assert entry["image"] == shown
    assert shown in damaged
    assert "not a picture" in damaged
    assert shown in missing
    assert "404" in missing
    assert "http" in fail(3, "predict", "ftp://example.org/1.png")


def test_a_dead_address_ends_no_batch(
    digit_run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(many_pictures, "available_cores", lambda: 3)
    with serving(status(404)) as server:
        words = [folder / "1.png", *(f"{server.url}/{number}.png" for number in range(6)), folder]
        answer = call("predict", "--checkpoint", digit_run.path, *words)
    assert answer.code == 3
    assert len(answer.out.splitlines()) == 1 + COUNT
    assert answer.err.count("it answers 404") == 6


@pytest.mark.skipif(os.name != "posix", reason="needs signals and named pipes")
@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_an_interrupt_keeps_what_was_answered(digit_run: Run, folder: Path, form: str) -> None:
    words = ("--checkpoint", digit_run.path, folder / "1.png", "-", form)
    with subprocess.Popen(
        command("predict", *words),
        env=process_environment(),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()  # the other picture never comes
        process.send_signal(signal.SIGINT)
        rest, errors = process.stdout.read(), process.stderr.read()
        assert process.wait(timeout=60) == 130
    assert errors.splitlines()[-1] == "interrupted"
    answered = json.loads(first + rest)
    entries = answered["predictions"] if form == "--json" else [answered]
    assert [entry["image"] for entry in entries] == [str(folder / "1.png")]


@pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
def test_processes_are_as_many_as_cores_and_memory_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_pictures, "available_cores", lambda: 8)
    many = ["a.png"] * 100
    assert many_pictures.processes(len(many)) == 8
    assert many_pictures.processes(2) == 1
    monkeypatch.setattr(many_pictures, "memory_bytes", lambda: 1_700_000_000)
    assert many_pictures.processes(len(many)) == 3
    monkeypatch.setattr(many_pictures, "memory_bytes", lambda: 100)
    assert many_pictures.processes(len(many)) == 1


def test_a_bar_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    seen = []
    for item in predict_bar.with_bar(iter("abc"), 3):
        seen.append(item)
        written.write(f"answer {item}\n")
    assert seen == ["a", "b", "c"]
    assert "| 0/3" in written.getvalue()
    for line in written.getvalue().split("\n")[:-1]:
        assert line.rpartition("\r")[2].startswith("answer ")  # the bar made room for it
