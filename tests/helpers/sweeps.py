"""Small sweeps on small pictures."""

from __future__ import annotations

from pathlib import Path

from bpnet.sweep.child import outcome_of
from bpnet.sweep.task import Outcome, Task

BASE = """[sweep]
config = tiny.ini
{more}
[settings]
train.workers = 1
{fixed}
[vary]
"""
RATES = "optimizer.learning_rate = 0.01, 0.1\ntrain.batch_size = 8, 16\n"


def sweep_text(vary: str = RATES, more: str = "seeds = 1-2", fixed: str = "") -> str:
    """Return a sweep of the config `tiny.ini`."""
    return BASE.format(more=more, fixed=fixed) + vary


def sweep_file(folder: Path, vary: str = RATES, more: str = "seeds = 1-2", fixed: str = "") -> Path:
    """Write such a sweep, and return where it is."""
    path = folder / "rates.ini"
    path.write_text(sweep_text(vary, more, fixed), encoding="utf-8")
    return path


def do_here(task: Task) -> Outcome:
    """Do a task in this process, where it takes milliseconds."""
    return outcome_of(task, lambda: not Path(task.permit).exists())
