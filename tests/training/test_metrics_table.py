"""Metrics as CSV."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from bpnet.errors import CheckpointError
from bpnet.training.metrics_table import columns_of, csv_text, metrics_csv
from bpnet.training.saving import write_metrics, write_metrics_table


def test_numbers_keep_all_digits_and_nothing_is_empty() -> None:
    rows: list[dict[str, Any]] = [
        {"epoch": 1, "loss": 0.1 + 0.2, "accuracy": None},
        {"epoch": 2, "mae": 1e-300},
    ]
    text = metrics_csv(rows)
    assert text.splitlines() == [
        "epoch,loss,accuracy,mae",
        "1,0.30000000000000004,,",
        "2,,,1e-300",
    ]
    assert columns_of(rows) == ["epoch", "loss", "accuracy", "mae"]
    assert metrics_csv([]) == ""


def test_texts_with_commas_quotes_and_line_breaks_read_back() -> None:
    row = {"name": 'a "b", c', "note": "two\nlines", "σ": "µ"}
    (back,) = csv.DictReader(io.StringIO(csv_text(list(row), [row]), newline=""))
    assert back == row


def test_the_table_is_kept_up_to_date_only_where_there_is_one(tmp_path: Path) -> None:
    write_metrics(tmp_path, [{"epoch": 1}])
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]
    write_metrics_table(tmp_path, [])
    write_metrics(tmp_path, [{"epoch": 1}, {"epoch": 2}])
    assert (tmp_path / "metrics.csv").read_text("utf-8") == "epoch\n1\n2\n"
    with pytest.raises(CheckpointError, match="table of the metrics cannot be written"):
        write_metrics_table(tmp_path / "nowhere", [])
