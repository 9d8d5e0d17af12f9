"""`bpnet predict --output`: a file that grows, survives any kill, and holds each answer once."""

import csv
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bpnet.bulk.answer_file import AnswerFile
from bpnet.bulk.picture_list import FILES
from bpnet.cli.checkpoints import open_checkpoint
from bpnet.cli.predict_many import ManyPictures
from bpnet.errors import BpnetError, ConfigError, DataError, DivergedError
from bpnet.library.opening import Opened
from bpnet.model.run_files import WEIGHTS
from tests.conftest import Run
from tests.helpers.bars import bars
from tests.helpers.process_cases import eventually
from tests.helpers.started import start_process
from tests.helpers.tiny import Answer, bpnet, call, command, fail, succeed

COUNT = 5 * FILES + 5  # pictures that are read one by one


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where there are pictures: two files, one of them damaged, and an array."""
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    Image.fromarray(bars(1)[0]).save("scans/1.png")
    Path("scans/2.png").write_bytes(b"no picture")
    Image.fromarray(bars(1)[0]).save("scans/3.png")
    np.save("rows.npy", bars(20))
    return tmp_path


def predict(run: Run, *words: object) -> Answer:
    return call("predict", "--checkpoint", run.path, *words)


def test_the_file_holds_what_would_be_printed(digit_run: Run, pictures: Path) -> None:
    for form in ("jsonl", "csv"):
        for options in ((), ("--segment",), ("--top", 1, "--views", 2)):
            output = f"{len(options)}.{form}"
            words = ("scans/1.png", "scans/3.png", "rows.npy", *options)
            printed = predict(digit_run, *words, f"--{form}").out
            said = predict(digit_run, *words, "-o", output)
            assert (said.code, said.out) == (0, f"{pictures / output}\n"), said.err
            written = Path(output).read_text(encoding="utf-8")
            if form == "csv":
                rows = list(csv.DictReader(io.StringIO(written)))
                assert {row.pop("error") for row in rows} == {""}
                assert rows == list(csv.DictReader(io.StringIO(printed)))
            else:
                assert written == printed


def test_an_unreadable_picture_has_a_line_too(digit_run: Run, pictures: Path) -> None:
    said = predict(digit_run, "scans", "rows.npy", "nowhere.png", "-o", "out.jsonl")
    assert said.code == 3
    assert f"{pictures / 'scans/2.png'}: this is not a picture" in said.err
    assert "2 of 24 pictures" in said.err
    lines = Path("out.jsonl").read_text(encoding="utf-8").splitlines()
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert len(entries) == 24
    assert [entry["image"] for entry in entries if "error" in entry] == [
        str(pictures / "scans/2.png"),
        str(pictures / "nowhere.png"),
    ]
    assert entries[1]["reason"] == "unreadable"
    assert entries[1]["label"] is None
    # A torn file goes on, and the picture still counts.
    whole = Path("out.jsonl").read_bytes()
    record = predict_record(digit_run, "scans", "rows.npy", "nowhere.png")
    torn = whole[: whole.index(b"\n", whole.index(b"2.png")) + 30]
    Path("again.jsonl.part").write_bytes(torn)
    Path("again.jsonl.part.json").write_text(record, encoding="utf-8")
    said = predict(digit_run, "scans", "rows.npy", "nowhere.png", "-o", "again.jsonl")
    assert said.code == 3
    assert "2 of 24 pictures are answered already" in said.err
    assert "2 of 24 pictures could not be read" in said.err
    assert "scans/2.png" not in said.err
    assert Path("again.jsonl").read_bytes() == whole


def predict_record(run: Run, *words: str) -> str:
    """Return the record of some work, as a run that cannot end leaves it."""
    with pytest.MonkeyPatch.context() as patch:

        def fails(*arguments: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr("bpnet.bulk.answer_file.move_into_place", fails)
        said = predict(run, *words, "-o", "probe.jsonl")
    assert said.code == 3
    assert "No space left" in said.err
    record = Path("probe.jsonl.part.json").read_text(encoding="utf-8")
    Path("probe.jsonl.part").unlink()
    Path("probe.jsonl.part.json").unlink()
    return record


def test_other_options_do_not_go_on(digit_run: Run, pictures: Path) -> None:
    record = predict_record(digit_run, "rows.npy")
    Path("out.jsonl.part").write_bytes(b'{"image": "rows.npy[0]"}\n')
    Path("out.jsonl.part.json").write_text(record, encoding="utf-8")
    for words, told in (
        (("rows.npy", "--top", "2"), "--top is 3 there, but 2 now"),
        (("rows.npy", "scans/1.png"), "the number of pictures is 20 there, but 21 now"),
        (("rows.npy", "--csv"), "the form is jsonl there, but csv now"),
        (("rows.npy", "--min-probability", "0.5"), "not set there, but 0.5 now"),
    ):
        message = fail(2, "predict", "--checkpoint", digit_run.path, *words, "-o", "out.jsonl")
        assert told in message
    other = fail(2, "predict", "rows.npy", "-o", "out.jsonl")
    assert "the SHA-256 of the checkpoint" in other
    succeed("predict", "rows.npy", "-o", "out.jsonl", "--overwrite")
    assert "there already" in fail(3, "predict", "rows.npy", "-o", "out.jsonl")
    succeed("predict", "rows.npy", "-o", "out.jsonl", "--overwrite")


def test_a_checkpoint_that_is_replaced_while_it_answers_is_known_by_what_was_loaded(
    digit_run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mine.npz").write_bytes((digit_run.path / "best.npz").read_bytes())
    words = ("predict", "--checkpoint", "mine.npz", "rows.npy", "-o", "out.jsonl")

    def replaced(many: ManyPictures, answers: AnswerFile) -> None:
        answers.append(b'{"image": "rows.npy[0]"}\n', 1, 0)
        raise DataError("the disk has gone")

    def opened(given: Path) -> Opened:
        found = open_checkpoint(given)
        given.write_bytes(WEIGHTS.read_bytes())
        return found

    with monkeypatch.context() as patch:
        patch.setattr("bpnet.cli.predict.open_checkpoint", opened)
        patch.setattr("bpnet.cli.predict_output._go_on", replaced)
        assert "the disk has gone" in fail(3, *words)
    assert "the SHA-256 of the checkpoint" in fail(2, *words)


@pytest.mark.parametrize(
    ("kind", "is_told"), [(DataError, True), (ConfigError, False), (DivergedError, False)]
)
def test_to_try_again_is_advised_where_it_can_help(
    digit_run: Run,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[BpnetError],
    is_told: bool,
) -> None:
    def fails(many: ManyPictures, answers: AnswerFile) -> None:
        raise kind("no luck")

    monkeypatch.setattr("bpnet.cli.predict_output._go_on", fails)
    said = predict(digit_run, "rows.npy", "-o", "out.jsonl")
    assert (said.code, "no luck" in said.err) == (kind.exit_code, True)
    assert ("the same command goes on" in said.err) is is_told


def test_usage(digit_run: Run, pictures: Path) -> None:
    assert "--output" in fail(2, "predict", "rows.npy", "--overwrite")
    assert ".jsonl or .csv" in fail(2, "predict", "rows.npy", "-o", "out.txt")
    assert "standard input" in fail(2, "predict", "-", "-o", "out.csv")
    words = ("predict", "rows.npy", "-o", "out.csv", "--explain", "x.png")
    assert "leave --output out" in fail(2, *words)
    assert not list(pictures.glob("out*"))
    said = predict(digit_run, "rows.npy", "-o", "out.txt", "--csv", "--json")
    document = json.loads(said.out)
    assert document["output"] == str(pictures / "out.txt")
    assert (document["pictures"], document["unreadable"]) == (20, 0)
    assert Path("out.txt").read_bytes().startswith(b"image,label,")


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_kills_at_any_moment_cost_no_answer_and_double_none(digit_run: Run, pictures: Path) -> None:
    np.save("slow.npy", bars(COUNT, side=40))
    words = ("predict", "--checkpoint", digit_run.path, "slow.npy", "scans")
    done = bpnet(*words, "-o", "straight.jsonl", cwd=pictures)
    assert done.returncode == 3, done.stderr
    part = pictures / "out.jsonl.part"
    for chunks, number in ((1, signal.SIGKILL), (2, signal.SIGKILL), (3, signal.SIGTERM)):
        process = start_process(command(*words, "-o", "out.jsonl"), pictures)

        def has_come(chunks: int = chunks) -> bool:
            return part.exists() and part.read_bytes().count(b"\n") >= chunks * FILES

        assert eventually(has_come, seconds=60)
        os.kill(process.pid, number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == (143 if number == signal.SIGTERM else -number)
        assert ("the same command goes on" in said) is (number == signal.SIGTERM)
        assert not (pictures / "out.jsonl").exists()
        assert part.read_bytes().count(b"\n") < COUNT
    part.write_bytes(part.read_bytes()[:-7])
    done = bpnet(*words, "-o", "out.jsonl", cwd=pictures)
    assert done.returncode == 3, done.stderr
    assert Path("out.jsonl").read_bytes() == Path("straight.jsonl").read_bytes()
