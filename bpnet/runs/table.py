"""Put runs and their epochs into plain rows, for JSON and for CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bpnet.errors import CheckpointError
from bpnet.model.run_files import METRICS, read_metrics
from bpnet.runs.entry import DAMAGED, IMPORTED, RunEntry, without_derived
from bpnet.training.metrics_table import columns_of, csv_text

SCORES = tuple(
    f"{samples}_{what}"
    for samples in ("train", "validation", "test")
    for what in ("accuracy", "loss", "mae", "mse")
)
Row = dict[str, Any]


def row_of(run: RunEntry) -> Row:
    """Return all that a listing knows of a run, in plain values."""
    return {
        "name": run.name,
        "run_dir": str(run.path),
        "config": run.config,
        "dataset": run.dataset,
        "seed": run.seed,
        "state": run.state,
        "problem": run.problem,
        "epochs": run.epochs,
        "planned_epochs": run.planned,
        "best_epoch": run.best_epoch,
        **{name: run.scores.get(name) for name in SCORES},
        "test_samples": run.test_samples,
        "started": run.started,
        "seconds": run.seconds,
        "bytes": run.bytes,
        "note": run.note,
    }


def full_row(run: RunEntry) -> Row:
    """Return the same with all settings of the run, as its `config.ini` writes them."""
    return row_of(run) | {"settings": dict(run.settings)}


def runs_csv(runs: Sequence[RunEntry]) -> str:
    """Return a row for each run, with a column for each setting in which the runs differ."""
    texts = [
        {key: text.replace("\n", ", ") for key, text in without_derived(run.settings).items()}
        for run in runs
    ]
    differing = [key for key in columns_of(texts) if len({one.get(key) for one in texts}) > 1]
    rows = [
        row_of(run) | {key: one.get(key) for key in differing}
        for run, one in zip(runs, texts, strict=True)
    ]
    columns = list(rows[0]) if rows else list(row_of(RunEntry("", Path(), DAMAGED)))
    return csv_text(columns, rows)


def epoch_rows(runs: Sequence[RunEntry]) -> list[Row]:
    """Return a row for each epoch of each run: its name, then what `metrics.jsonl` holds.

    Damaged runs and imported weights are left out.

    Raises:
        CheckpointError: the metrics of another run cannot be read.
    """
    rows: list[Row] = []
    for run in runs:
        if run.state in (DAMAGED, IMPORTED):
            continue
        try:
            records = read_metrics(run.path / METRICS)
        except CheckpointError:
            if run.epochs is None:  # it has just begun
                continue
            raise
        rows += [{"name": run.name, **record} for record in records]
    return rows


def epochs_csv(runs: Sequence[RunEntry]) -> str:
    """Return the same as CSV."""
    rows = epoch_rows(runs)
    return csv_text(columns_of(rows) or ["name", "epoch"], rows)
