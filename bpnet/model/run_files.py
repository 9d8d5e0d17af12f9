"""Name the files of a run and those that ship with the package, find checkpoints, read texts."""

from pathlib import Path

from bpnet.disk import DIRECTORY, FILE, reason, what_is_at
from bpnet.errors import CheckpointError

LAST = "last.npz"
BEST = "best.npz"
METRICS = "metrics.jsonl"
CONFIG = "config.ini"
ENVIRONMENT = "environment.json"
RUN_FILES = (CONFIG, ENVIRONMENT, METRICS, LAST, BEST)
MOST_BYTES = 64 << 20  # of a text: the metrics of more epochs than a checkpoint can record
LOCK = ".lock"  # there while the run is trained
ASSETS = Path(__file__).parent.parent / "assets"
WEIGHTS = ASSETS / "digits.npz"  # those that `predict` uses by default


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
        expected=f"{BEST} or {LAST}",
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
