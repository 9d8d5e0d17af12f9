"""Run directories that look trained, but were only written: hundreds of them take a moment."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bpnet.config.writer import format_config
from tests.helpers.tiny import NET, TABLE, TRAIN, read_config

MOMENT = 1_760_000_000  # seconds since 1970: when the first of them was written


def epoch_record(number: int, accuracy: float | None, loss: float = 0.5) -> dict[str, Any]:
    """Return what a run records of an epoch."""
    return {
        "epoch": number,
        "step": 5 * number,
        "learning_rate": 0.05,
        "train_loss": 1 / number,
        "train_accuracy": 0.8,
        "validation_loss": None if accuracy is None else loss,
        "validation_accuracy": accuracy,
        "seconds": 2.0,
        "samples_per_second": 1000.0,
    }


def write_run(
    path: Path,
    accuracies: Sequence[float | None] = (0.5, 0.9, 0.8),
    *,
    settings: Sequence[str] = (),
    result: Mapping[str, Any] | None = None,
    environment: Mapping[str, Any] | None = None,
    age: float = 0,
    table: bool = False,
) -> Path:
    """Write a run directory with one epoch for each validation accuracy, and return it.

    Args:
        path: where; made if need be.
        accuracies: of the epochs; the run was planned for three.
        settings: changes to the config.
        result: what `result.json` holds; None writes none.
        environment: likewise `environment.json`.
        age: by how many seconds it is older than others.
        table: learn the table of numbers instead of pictures.
    """
    path.mkdir(parents=True)
    text = f"{TABLE.strip()}\nvalidation = 0\n" if table else NET + TRAIN
    text = text.replace("epochs = 4\nvalidation = 0", "epochs = 3")
    (path / "config.ini").write_text(format_config(read_config(text, *settings)), "utf-8")
    records = [epoch_record(number, value) for number, value in enumerate(accuracies, start=1)]
    lines = [json.dumps(record) + "\n" for record in records]
    (path / "metrics.jsonl").write_text("".join(lines), "utf-8")
    for name, content in (("result.json", result), ("environment.json", environment)):
        if content is not None:
            (path / name).write_text(json.dumps(content), "utf-8")
    for name in ("last.npz", "best.npz"):
        (path / name).write_bytes(b"weights, which no listing reads")
        os.utime(path / name, (MOMENT - age, MOMENT - age))
    return path


def scored(accuracy: float, samples: int = 1000) -> dict[str, Any]:
    """Return the result of a run with that test accuracy."""
    return {"test_accuracy": accuracy, "test_loss": 0.4, "test_samples": samples, "seconds": 9.0}
