"""Name the files of a run, and find its checkpoints."""

from pathlib import Path

from bpnet.errors import CheckpointError

LAST = "last.npz"
BEST = "best.npz"
METRICS = "metrics.jsonl"


def checkpoint_path(path: Path, preferred: str = BEST) -> Path:
    """Return the checkpoint of that path; of a run directory, the preferred one.

    Raises:
        CheckpointError: a directory holds no checkpoint.
    """
    if not path.is_dir():
        return path
    for name in (preferred, LAST):
        if (path / name).is_file():
            return path / name
    raise CheckpointError(
        "the directory holds no checkpoint",
        where=path,
        expected=f"{BEST} or {LAST}",
        hint="give a run directory of `bpnet train`",
    )
