"""Declare what a checkpoint's record may tell of a run, and refuse everything else."""

from __future__ import annotations

import operator
from typing import Any

from bpnet.config.values import MOST_EPOCHS
from bpnet.model.record import (
    MOST_VALUES,
    Keys,
    an_object,
    demand_kinds,
    duration,
    number,
    refuse_value,
    several,
    whole,
    yes_or_no,
)

PROGRESS: Keys = {
    "ends": several(whole(1, MOST_EPOCHS), 1, 1000),
    "epoch": whole(0),
    "batch": whole(0),
    "step": whole(0),
    "loss_sum": number,
    "correct": whole(0),
    "seen": whole(0),
    "epoch_seconds": duration,
    "seconds": duration,
    "best_score": several(number, 2, 2).or_null(),
    "best_epoch": whole(0),
    "patience_from": whole(0).or_missing(),  # not in the oldest runs
    "patience_score": several(number, 2, 2).or_null().or_missing(),  # not in earlier runs
    "stopped_early": yes_or_no,
    "first_loss": number.or_null().or_missing(),  # likewise
    "history": several(an_object, 0, MOST_VALUES),
    "planned": several(whole(1), 1, 1000).or_missing(),  # likewise
}
EPOCH: Keys = {
    "epoch": whole(1),
    "step": whole(1),
    "learning_rate": number,
    "train_loss": number,
    "train_accuracy": number.or_null(),
    "validation_loss": number.or_null(),
    "validation_accuracy": number.or_null(),
    "train_mae": number.or_null().or_missing(),  # for numbers alone, as the next three
    "train_mse": number.or_null().or_missing(),
    "validation_mae": number.or_null().or_missing(),
    "validation_mse": number.or_null().or_missing(),
    "seconds": duration,
    "samples_per_second": number,
}


def check_progress(progress: dict[str, Any]) -> None:
    """Make sure that a run can have come this far.

    Raises:
        RecordError: a value is missing, of another kind, or contradicts another.
    """
    demand_kinds(progress, PROGRESS, "progress.")
    history, epoch = progress["history"], progress["epoch"]
    for place, entry in enumerate(history):
        demand_kinds(entry, EPOCH, f"progress.history[{place}].")
    numbers = [entry["epoch"] for entry in history]
    if numbers != list(range(1, len(history) + 1)) or len(history) != epoch:
        refuse_value("progress.history", f"the epochs 1 to {epoch}", numbers)
    steps = [0, *(entry["step"] for entry in history), progress["step"]]
    if steps != sorted(steps) or steps[-2] + progress["batch"] != steps[-1]:
        expected = "the last epoch's step and the `batch` steps since then"
        refuse_value("progress.step", expected, steps[-3:])
    ends = progress["ends"]
    if ends != sorted(ends) or epoch > ends[-1]:
        refuse_value("progress.ends", f"growing numbers, the last at least {epoch}", ends)
    planned = progress.get("planned", ends)
    if len(planned) != len(ends) or any(map(operator.lt, planned, ends)):
        refuse_value("progress.planned", f"for each of {ends}, a number no smaller", planned)
    for key in ("best_epoch", "patience_from"):
        if progress.get(key, 0) > epoch:
            refuse_value(f"progress.{key}", f"at most {epoch}", progress[key])
    if progress["correct"] > progress["seen"]:
        refuse_value("progress.correct", f"at most {progress['seen']}", progress["correct"])
