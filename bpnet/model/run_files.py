"""Name the files of a run and those that ship with the package, and find checkpoints."""

from pathlib import Path

from bpnet.disk import DIRECTORY, FILE, what_is_at
from bpnet.errors import CheckpointError

LAST = "last.npz"
BEST = "best.npz"
METRICS = "metrics.jsonl"
CONFIG = "config.ini"
ENVIRONMENT = "environment.json"
RUN_FILES = (CONFIG, ENVIRONMENT, METRICS, LAST, BEST)
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
