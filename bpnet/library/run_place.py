"""Choose the directory of a run, and what a listing calls its config."""

from __future__ import annotations

import time
from pathlib import Path

from bpnet.errors import CheckpointError


def default_run_dir(source: str) -> Path:
    """Make a directory, new to this run, named after the config and the time."""
    from bpnet.training.saving import writing

    first = path = Path("runs") / f"{Path(source).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    number = 1
    with writing("the run directory", path):
        path.parent.mkdir(exist_ok=True)
        while True:
            try:
                path.mkdir()
            except FileExistsError:  # runs may start side by side
                number += 1
                path = first.with_name(f"{first.name}-{number}")
            else:
                return path


def config_name(source: str | None, weights: Path | None = None) -> str | None:
    """Return the name of the preset or config that is trained.

    Args:
        source: what was given; the `config.ini` of a run stands for what that was trained from.
        weights: the checkpoint or run directory whose config is taken where there is no source.
    """
    from bpnet.model.run_files import CONFIG
    from bpnet.training.run import origin_of

    if source is not None and Path(source).name != CONFIG:
        return Path(source).stem
    path = Path(source) if source is not None else weights
    if path is None:
        return None
    return origin_of(path if path.is_dir() else path.parent).get("config")


def demand_no_run(path: Path, why: str) -> None:
    """Make sure that a folder which is to hold runs is not one itself.

    Args:
        path: the folder; it need not be there.
        why: begins the message.

    Raises:
        CheckpointError: it is one.
    """
    from bpnet.runs.listing import is_run

    if is_run(path):
        raise CheckpointError(
            f"{why}, but this is one run", where=path, hint="choose another --run-dir"
        )
