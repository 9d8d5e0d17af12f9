"""Let a file of answers grow so that whatever ends the program, the same command goes on.

While it is unfinished it lies beside its place as `FILE.part`, with a record of the pictures and
options that make the answers, `FILE.part.json`. One process writes to it, which `FILE.part.lock`
names: whole lines, in the order of the pictures. So no answer is ever there twice, and all that a
crash can leave is a torn last line, which is cut off.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from bpnet.bulk.lines import HEAD_BEGINS, Lines
from bpnet.bulk.work_record import WorkRecord
from bpnet.disk import FILE, NOTHING, reason, remedy, what_is_at
from bpnet.errors import BpnetError, DataError
from bpnet.files import demand_place, move_into_place, write_text
from bpnet.locks import HeldError, Lock, claim_lock

FLUSH = 5.0  # seconds of work that a loss of power may cost
TORN = b"\0"  # what file systems leave where a loss of power has torn a line; no answer holds it
ELSEWHERE = "choose another place with --output"


class AnswerFile:
    """Append answers to a file, of which the first ones may be there.

    Args:
        file: at its end; unbuffered, so that closing it writes nothing more.
        path: of the unfinished file.
        done: how many pictures are answered.
        unreadable: how many of these could not be read.
    """

    def __init__(self, file: FileIO, path: Path, done: int, unreadable: int) -> None:
        self.path = path
        self.done = done
        self.unreadable = unreadable
        self._file = file
        self._flushed = time.monotonic()

    def append(self, content: bytes, count: int, unreadable: int) -> None:
        """Write the lines of the pictures that come next.

        Args:
            content: whole lines.
            count: how many.
            unreadable: how many of these tell that a picture could not be read.

        Raises:
            DataError: the disk is full or cannot be written.
        """
        with _errors(self.path):
            rest = memoryview(content)
            while rest:  # a disk that is nearly full takes a part
                rest = rest[self._file.write(rest) :]
            if time.monotonic() - self._flushed > FLUSH:
                os.fsync(self._file.fileno())
                self._flushed = time.monotonic()
        self.done += count
        self.unreadable += unreadable


@contextmanager
def growing_file(
    path: Path, record: WorkRecord, lines: Lines, *, overwrite: bool
) -> Iterator[AnswerFile]:
    """Open a file of answers, or go on with it; the end of the block gives it its name.

    When the block raises, the answers stay as they are, and the same call goes on with them.

    Args:
        path: of the finished file.
        record: what the answers depend on.
        lines: their form.
        overwrite: replace a finished file, and drop answers that were begun otherwise.

    Raises:
        DataError: the file is there, or cannot be, or another process writes it.
        ConfigError: answers were begun with other pictures, weights or options.
    """
    demand_place(path, "file of answers")
    target = Path(os.path.realpath(path))
    if not overwrite:
        _demand_free(target)
    part, beside, lock_file = (
        target.with_name(f"{target.name}.part{end}") for end in ("", ".json", ".lock")
    )
    with _errors(part):
        lock = _claim(lock_file, path)
    try:
        if not overwrite:
            _demand_free(target)  # another process may have come to its end meanwhile
        with _errors(part):
            _settle(part, beside, record, overwrite=overwrite)
            file = FileIO(part, "a+")
        try:
            yield _open_answers(file, part, record, lines)
            with _errors(part):
                os.fsync(file.fileno())
        finally:
            with suppress(OSError):  # all that matters has been written by then
                file.close()
        with _errors(part):
            move_into_place(part, target)
            beside.unlink(missing_ok=True)
    finally:
        lock.release()


def _demand_free(target: Path) -> None:
    """Make sure that nothing is replaced.

    Raises:
        DataError: something is there.
    """
    if (found := what_is_at(target)) != NOTHING:
        hint = "--overwrite replaces them; or choose another --output"
        raise DataError("these answers are there already", where=target, found=found, hint=hint)


def _claim(lock_file: Path, path: Path) -> Lock:
    """Return the lock of the answers.

    Raises:
        DataError: another process holds it, or may hold it.
    """
    try:
        return claim_lock(lock_file)
    except HeldError as error:
        raise DataError(
            "another process writes these answers",
            where=path,
            found=error.owner,
            hint=f"{error.hint}, or choose another --output",
        ) from None


def _settle(part: Path, beside: Path, record: WorkRecord, *, overwrite: bool) -> None:
    """Write what the answers depend on, or make sure that those that are there depend on the same.

    Raises:
        ConfigError: they depend on something else.
        DataError: nobody can tell.
    """
    if (found := what_is_at(part)) != NOTHING:
        is_begun = found != FILE or _holds_answers(part, beside)
        if is_begun and not overwrite:
            record.demand_same(beside)
        if _is_same(record, beside):
            return
        part.unlink()
    write_text(beside, record.text())


def _holds_answers(part: Path, beside: Path) -> bool:
    """Return whether an unfinished file holds an answer, or may be something else."""
    if what_is_at(beside) == NOTHING:
        return part.stat().st_size > 0
    with part.open("rb") as file:
        line = file.readline()
        if line.startswith(HEAD_BEGINS):
            line = file.readline()
    return line.endswith(b"\n")


def _is_same(record: WorkRecord, beside: Path) -> bool:
    try:
        return not record.differences(beside)
    except BpnetError:
        return False


def _open_answers(file: FileIO, part: Path, record: WorkRecord, lines: Lines) -> AnswerFile:
    """Cut off what is no whole line, and return the file at its end.

    Raises:
        DataError: it cannot be read or written, or holds too much.
    """
    with _errors(part):
        size, done, unreadable = _whole_lines(part, lines)
        if done > record.pictures:
            raise DataError(
                "the unfinished file holds more answers than there are pictures",
                where=part,
                expected=f"at most {record.pictures:,}",
                found=f"{done:,}",
                hint="remove it; the same command then begins anew",
            )
        file.truncate(size)
    answers = AnswerFile(file, part, done, unreadable)
    if not size:
        answers.append(lines.head, 0, 0)
    return answers


def _whole_lines(part: Path, lines: Lines) -> tuple[int, int, int]:
    """Return the bytes of the whole lines, how many these are, and of unreadable pictures."""
    head = lines.head
    with part.open("rb") as file:
        if file.read(len(head)) != head:
            return 0, 0, 0
        size, done, unreadable = len(head), 0, 0
        for line in file:
            if not line.endswith(b"\n") or TORN in line:
                break
            size += len(line)
            done += 1
            unreadable += lines.tells_unreadable(line)
    return size, done, unreadable


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Raise every OSError of the block as a DataError.

    Raises:
        DataError: the file system refused something.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            "the answers cannot be written",
            where=path,
            found=reason(error),
            hint=remedy(error, ELSEWHERE),
        ) from error
