"""Write the whole state of a run in one file: weights, optimiser, progress."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bpnet.config.writer import format_config
from bpnet.disk import FILE, reason, remedy, what_is_at
from bpnet.errors import CheckpointError
from bpnet.files import atomic_write, write_text
from bpnet.model.checkpoint import content_digest
from bpnet.model.forms import DIGEST, RECORD
from bpnet.model.model import Model
from bpnet.model.record import FORMAT, RecordError, read_record
from bpnet.model.run_files import METRICS, METRICS_TABLE
from bpnet.nn.parameters import FlatArrays
from bpnet.training.metrics_table import metrics_csv


def model_record(model: Model) -> dict[str, Any]:
    """Return what is needed to build this model again, weights aside."""
    return {
        "format": FORMAT,
        "config": format_config(model.config),
        "input_shape": list(model.network.input_shape),
        "outputs": model.network.loss.outputs,
        "normalization": [model.normalization.scale, model.normalization.offset],
        "class_names": list(model.class_names),
        "temperature": model.temperature,
        "preparation": None if model.preparation is None else model.preparation.as_record(),
    }


def named_arrays(groups: Mapping[str, FlatArrays]) -> dict[str, NDArray[Any]]:
    """Return the arrays of several groups as `group/name`."""
    return {
        f"{group}/{name}": view
        for group, arrays in groups.items()
        for name, view in arrays.views.items()
    }


def save_checkpoint(
    path: Path,
    record: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    option: str = "--run-dir",
) -> None:
    """Write a checkpoint in one step: `path` is whole at every moment, the old one or the new.

    Args:
        path: of the file.
        record: what `record.py` declares.
        arrays: by name.
        option: by which another place can be chosen.

    Raises:
        CheckpointError: the disk is full or cannot be written, or nothing could read the record.
    """
    text = json.dumps(record, allow_nan=False).encode()
    try:
        read_record(text)  # what could not be read again must not replace what can
    except RecordError as error:
        raise CheckpointError(
            error.what, where=path, expected=error.expected, found=error.found
        ) from None
    content = {RECORD: np.frombuffer(text, dtype=np.uint8), **arrays}
    digest = np.frombuffer(content_digest(content), dtype=np.uint8)
    with writing("the checkpoint", path, option), atomic_write(path) as file:
        write_archive(file, content | {DIGEST: digest})


def write_archive(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the same bytes as `numpy.savez`, but without its copy of up to 16 MB of each array."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            columns_first = array.flags.fnc  # so stored, as NumPy does
            plain = np.ascontiguousarray(array.T if columns_first else array)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array_header_1_0(member, npy.header_data_from_array_1_0(array))
                member.write(plain.data if plain.size else b"")


def write_metrics(run_dir: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Write one line for each epoch of a run; likewise `metrics.csv`, where there is one.

    Raises:
        CheckpointError: the disk is full or cannot be written.
    """
    lines = [json.dumps(epoch, allow_nan=False) + "\n" for epoch in history]
    with writing("the metrics", run_dir / METRICS):
        write_text(run_dir / METRICS, "".join(lines))
    if what_is_at(run_dir / METRICS_TABLE) == FILE:
        write_metrics_table(run_dir, history)


def write_metrics_table(run_dir: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Write `metrics.csv`, which `write_metrics` keeps up to date from then on.

    Raises:
        CheckpointError: the disk is full or cannot be written.
    """
    path = run_dir / METRICS_TABLE
    with writing("the table of the metrics", path):
        write_text(path, metrics_csv(history))


@contextmanager
def writing(what: str, path: Path, option: str = "--run-dir") -> Iterator[None]:
    """Turn what the system reports while a run's file is written into a CheckpointError."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"{what} cannot be written",
            where=path,
            found=reason(error),
            hint=remedy(error, f"choose another place with {option}; nothing was overwritten"),
        ) from error
