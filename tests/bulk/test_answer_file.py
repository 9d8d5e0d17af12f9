"""A file of answers grows by whole lines, goes on after anything, and belongs to one work."""

import errno
import os
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from bpnet.bulk.answer_file import growing_file
from bpnet.bulk.lines import CSV, JSONL, Lines
from bpnet.bulk.work_record import WorkRecord
from bpnet.errors import ConfigError, DataError
from bpnet.library.picture_reader import Wishes
from bpnet.locks import Lock, claim_lock

WISHES = Wishes(False, None, top=1, rows=False)
RECORD = WorkRecord(5, "names", "weights", JSONL, 1, 1, False, None)
ANSWERS = [f'{{"image": "{number}"}}\n'.encode() for number in range(5)]
ROOM = 2 * len(ANSWERS[0]) + 3  # bytes on a full disk


class CrashError(Exception):
    pass


def write(path: Path, until: int = 5, record: WorkRecord = RECORD, **options: bool) -> int:
    """Go on until so many answers are there; crash where these are not all. Return the first."""
    lines = Lines(record.form, WISHES)
    overwrite = options.get("overwrite", False)
    with growing_file(path, record, lines, overwrite=overwrite) as answers:
        first = answers.done
        for answer in ANSWERS[first:until]:
            answers.append(answer, 1, 0)
        if until < len(ANSWERS):
            raise CrashError
    return first


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("form", [JSONL, CSV])
def test_it_goes_on_after_a_crash_and_is_then_given_its_name(tmp_path: Path, form: str) -> None:
    path, record = tmp_path / "answers", replace(RECORD, form=form)
    with pytest.raises(CrashError):
        write(path, 2, record)
    assert left(tmp_path) == {"answers.part", "answers.part.json"}
    assert write(path, record=record) == 2
    assert left(tmp_path) == {"answers"}
    assert path.read_bytes() == Lines(form, WISHES).head + b"".join(ANSWERS)


@pytest.mark.parametrize("torn", [b'{"image": "2"', b"\0" * 9, b"\0\0\n", b'{"image"\0\0: "2"}\n'])
def test_a_torn_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path, part = tmp_path / "answers", tmp_path / "answers.part"
    with pytest.raises(CrashError):
        write(path, 2)
    part.write_bytes(part.read_bytes() + torn)
    assert write(path) == 2
    assert path.read_bytes() == b"".join(ANSWERS)


def test_a_torn_head_is_written_anew(tmp_path: Path) -> None:
    path, record = tmp_path / "answers", replace(RECORD, form=CSV)
    with pytest.raises(CrashError):
        write(path, 0, record)
    (tmp_path / "answers.part").write_bytes(b"image,la")
    assert write(path, record=record) == 0
    assert path.read_bytes().startswith(b"image,label,")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"names": "others"}, "names is names there, but others now"),
        ({"pictures": 6}, "the number of pictures is 5 there, but 6 now"),
        ({"checkpoint": "x"}, "checkpoint is weights there, but x now"),
        ({"views": 2}, "--views is 1 there, but 2 now"),
        ({"min_probability": 0.5}, "--min-probability is not set there, but 0.5 now"),
        ({"segment": True}, "--segment"),
        ({"top": 2}, "--top"),
        ({"version": "0"}, "version"),
    ],
)
def test_other_work_does_not_go_on_in_the_file(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    path, other = tmp_path / "answers", replace(RECORD, **change)
    with pytest.raises(CrashError):
        write(path, 2)
    before = (tmp_path / "answers.part").read_bytes()
    with pytest.raises(ConfigError) as caught:
        write(path, record=other)
    assert told in str(caught.value)
    assert "--overwrite" in str(caught.value)
    assert (tmp_path / "answers.part").read_bytes() == before
    assert write(path, record=other, overwrite=True) == 0


@pytest.mark.parametrize("form", [JSONL, CSV])
@pytest.mark.parametrize("torn", [b"", b"{", b"image"])
def test_a_file_without_an_answer_keeps_nobody_from_other_work(
    tmp_path: Path, form: str, torn: bytes
) -> None:
    path = tmp_path / "answers"
    with pytest.raises(CrashError):
        write(path, 0, replace(RECORD, form=form))
    part = tmp_path / "answers.part"
    part.write_bytes(part.read_bytes() + torn)
    assert write(path, record=replace(RECORD, views=2)) == 0
    assert left(tmp_path) == {"answers"}
    assert path.read_bytes() == b"".join(ANSWERS)


def test_an_empty_file_without_a_record_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "answers.part").write_bytes(b"")
    assert write(tmp_path / "answers") == 0


def test_overwriting_goes_on_with_the_same_work(tmp_path: Path) -> None:
    path = tmp_path / "answers"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(CrashError):
        write(path, 3, overwrite=True)
    assert path.read_text(encoding="utf-8") == "old"
    assert write(path, overwrite=True) == 3
    assert path.read_bytes() == b"".join(ANSWERS)


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    path, part = tmp_path / "answers", tmp_path / "answers.part"
    part.write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="nothing tells which answers"):
        write(path)
    assert part.read_text(encoding="utf-8") == "mine"
    part.rename(path)
    with pytest.raises(DataError, match="there already"):
        write(path)
    assert left(tmp_path) == {"answers"}
    with pytest.raises(DataError, match="no such folder"):
        write(tmp_path / "nowhere" / "answers")


def test_more_answers_than_pictures_are_refused(tmp_path: Path) -> None:
    path, part = tmp_path / "answers", tmp_path / "answers.part"
    with pytest.raises(CrashError):
        write(path, 4)
    part.write_bytes(part.read_bytes() * 2)
    with pytest.raises(DataError, match="more answers than"):
        write(path)


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "answers"
    with growing_file(path, RECORD, Lines(JSONL, WISHES), overwrite=False) as answers:
        for answer in ANSWERS:
            answers.append(answer, 1, 0)
        with pytest.raises(DataError, match="another process"):
            write(path)
    assert path.read_bytes() == b"".join(ANSWERS)


def test_answers_that_another_process_has_just_finished_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "answers"

    def claimed(lock_file: Path) -> Lock:
        path.write_text("theirs", encoding="utf-8")
        return claim_lock(lock_file)

    monkeypatch.setattr("bpnet.bulk.answer_file.claim_lock", claimed)
    with pytest.raises(DataError, match="there already"):
        write(path)
    assert path.read_text(encoding="utf-8") == "theirs"
    assert left(tmp_path) == {"answers"}


def test_where_there_are_no_locks_nobody_writes_beside_another_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bpnet.locks.try_lock", lambda descriptor: None)
    lock = tmp_path / "answers.part.lock"
    lock.write_text("process 7 on another\n", encoding="utf-8")
    with pytest.raises(DataError, match="process 7 on another") as caught:
        write(tmp_path / "answers")
    assert f"remove {lock}" in str(caught.value)
    assert left(tmp_path) == {"answers.part.lock"}
    lock.unlink()
    assert write(tmp_path / "answers") == 0
    assert left(tmp_path) == {"answers"}


class FullDisk(FileIO):
    """Take a few bytes, the last of them in part, and no more."""

    def write(self, content: Any) -> int:
        room = ROOM - self.seek(0, os.SEEK_END)
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(memoryview(content)[:room])


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "answers"
    with monkeypatch.context() as patch:
        patch.setattr("bpnet.bulk.answer_file.FileIO", FullDisk)
        with pytest.raises(DataError, match="No space left") as caught:
            write(path)
    assert "free some disk space" in str(caught.value)
    assert left(tmp_path) == {"answers.part", "answers.part.json"}
    assert (tmp_path / "answers.part").stat().st_size == ROOM
    assert write(path) == 2
    assert path.read_bytes() == b"".join(ANSWERS)


def test_a_disk_that_fails_to_keep_them_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "answers"

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    def append() -> None:
        with growing_file(path, RECORD, Lines(JSONL, WISHES), overwrite=False) as answers:
            monkeypatch.setattr("bpnet.bulk.answer_file.FLUSH", -1.0)
            monkeypatch.setattr("bpnet.bulk.answer_file.os.fsync", fails)
            answers.append(ANSWERS[0], 1, 0)

    with pytest.raises(DataError, match="Input/output error"):
        append()
