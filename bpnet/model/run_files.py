"""Name the files of a run and those that ship with the package, find checkpoints, read texts."""

from pathlib import Path
from typing import Any

from bpnet.disk import DIRECTORY, FILE, reason, what_is_at
from bpnet.errors import CheckpointError

LAST = "last.npz"
BEST = "best.npz"
METRICS = "metrics.jsonl"
CONFIG = "config.ini"
ENVIRONMENT = "environment.json"
RESULT = "result.json"  # there once the run is finished
ENDING = "ending.json"  # there where the run ended for good before its last epoch
METRICS_TABLE = "metrics.csv"  # where it is wanted
NOTE = "note.txt"  # likewise
RUN_FILES = (CONFIG, ENVIRONMENT, METRICS, METRICS_TABLE, RESULT, ENDING, NOTE, LAST, BEST)
MOST_BYTES = 64 << 20  # of a text: the metrics of more epochs than a checkpoint can record
LOCK = ".lock"  # there while the run is trained
ASSETS = Path(__file__).parent.parent / "assets"
WEIGHTS = ASSETS / "digits.npz"  # those that `predict` uses by default


def last_written(run_dir: Path) -> int:
    """Return when the newest checkpoint of a run was written, in nanoseconds; 0 without any."""
    paths = [run_dir / name for name in (LAST, BEST)]
    return max([path.stat().st_mtime_ns for path in paths if what_is_at(path) == FILE], default=0)


def checkpoint_path(path: Path, preferred: str = BEST) -> Path:
    """Return the checkpoint of that path; of a run directory, the preferred one.

    Raises:
        CheckpointError: a directory holds no checkpoint.
    """
    if what_is_at(path) != DIRECTORY:
        return path
    for name in (preferred, LAST):
        if what_is_at(path / name) == FILE:
            return path / name
    raise CheckpointError(
        "the directory holds no checkpoint",
        where=path,
        expected=" or ".join(dict.fromkeys((preferred, LAST))),
        hint="give a run directory of `bpnet train`",
    )


def demand_file(path: Path) -> None:
    """Make sure that a file of a run is one: whoever reads a named pipe waits without end.

    Raises:
        CheckpointError: it is missing or something else.
    """
    if (found := what_is_at(path)) != FILE:
        raise CheckpointError(
            f"the run's {path.name} cannot be read", where=path, expected=FILE, found=found
        )


def read_text(path: Path) -> str:
    """Return the content of a text file of a run.

    Raises:
        CheckpointError: it is no file, cannot be read, is too long, or is not text.
    """
    demand_file(path)
    what = f"the run's {path.name} cannot be read"
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            expected = f"at most {MOST_BYTES >> 20} MB"
            raise CheckpointError(what, where=path, expected=expected, found="more")
        return content.decode("utf-8")
    except (OSError, ValueError) as error:
        raise CheckpointError(what, where=path, found=reason(error)) from error


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file of a run holds.

    Raises:
        CheckpointError: it cannot be read, or holds something else.
    """
    return _parsed(read_text(path), path, f"the run's {path.name} cannot be read")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the object of each line of `metrics.jsonl`.

    Raises:
        CheckpointError: the file cannot be read, or a line is no JSON object.
    """
    lines = read_text(path).splitlines()
    return [_parsed(line, path, "the metrics cannot be read") for line in lines]


def _parsed(text: str, path: Path, what: str) -> dict[str, Any]:
    import json  # 8 ms, and most commands read none

    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(what, where=path, found=error) from error
    if not isinstance(found, dict):
        raise CheckpointError(what, where=path, expected="JSON objects", found=type(found).__name__)
    return found
