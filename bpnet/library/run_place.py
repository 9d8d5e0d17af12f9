"""Choose the directory of a run."""

from __future__ import annotations

import time
from pathlib import Path


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
