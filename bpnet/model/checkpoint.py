"""Save the whole state of a run in one file, and read it back only if it is whole.

A checkpoint is a plain `.npz`: arrays by name, a JSON record, and a SHA-256 of both. It holds no
pickled objects. A file that is damaged, altered, newer than this program or from another network
is refused with the reason.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.reader import ConfigReader
from bpnet.config.settings import Config
from bpnet.errors import CheckpointError, ConfigError, DivergedError
from bpnet.model.build import build_network
from bpnet.model.inputs import Normalization
from bpnet.model.model import Model
from bpnet.nn.parameters import FlatArrays

FORMAT = 1
RECORD = "record"
DIGEST = "sha256"
LARGEST = 4 << 30  # bytes once unpacked: beyond any network that fits this program
KEYS = {  # of every record, with the types of their values
    "config": str,
    "input_shape": list,
    "outputs": int,
    "normalization": list,
    "class_names": list,
}
UNREADABLE = (  # what a damaged archive makes its readers raise
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError),
    *(ValueError, KeyError, RuntimeError, MemoryError),
)


@dataclass
class Checkpoint:
    """Hold what a file said.

    Args:
        path: where it lies.
        record: format, config, progress, history, the data's fingerprint, class names.
        arrays: by name: `parameters/1.weight`, `state/…`, `averaged/…`, `optimizer/…`.
    """

    path: Path
    record: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    def config(self) -> Config:
        """Return the effective config of the run.

        Raises:
            CheckpointError: the record holds no config that this program understands.
        """
        reader = ConfigReader(str(self.path), self.path.parent)
        config = reader.read(str(self.record["config"]))
        if reader.problems:
            raise CheckpointError(
                "the checkpoint's config is not understood",
                where=self.path,
                found="; ".join(reader.problems),
            )
        return config

    def model(self, *, averaged: bool = True, fast: bool = True) -> Model:
        """Return the model with the saved weights.

        Args:
            averaged: take the averaged weights where there are some.
            fast: compute neighbouring layers in one go; else each on its own, which loads less.

        Raises:
            CheckpointError: the weights do not fit the network of the config.
        """
        record, config = self.record, self.config()
        try:
            network = build_network(
                config, tuple(record["input_shape"]), record["outputs"], fast=fast
            )
        except ConfigError as error:
            raise CheckpointError(
                "the checkpoint's network cannot be built", where=self.path, found=error.what
            ) from None
        prefix = "averaged/" if averaged and "averaged" in self.groups() else ""
        self.restore(f"{prefix}parameters", network.parameters)
        self.restore(f"{prefix}state", network.state)
        normalization = Normalization(*record["normalization"])
        return Model(config, network, normalization, tuple(record["class_names"]))

    def groups(self) -> set[str]:
        """Return the first parts of all array names."""
        return {name.partition("/")[0] for name in self.arrays}

    def restore(self, group: str, target: FlatArrays) -> None:
        """Copy the arrays of a group into `target`.

        Raises:
            CheckpointError: names or shapes differ.
        """
        prefix = f"{group}/"
        saved = {
            name.removeprefix(prefix): array
            for name, array in self.arrays.items()
            if name.startswith(prefix)
        }
        shapes = {name: array.shape for name, array in saved.items()}
        if shapes != target.shapes:
            raise CheckpointError(
                f"the {group} in the checkpoint belong to another network",
                where=self.path,
                expected=target.shapes,
                found=shapes,
            )
        for name, array in saved.items():
            target.views[name][...] = array


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and make sure that it is whole.

    Raises:
        CheckpointError: the file is missing, damaged, altered, pickled, newer or not a checkpoint.
    """
    arrays = _read_arrays(path)
    if RECORD not in arrays or DIGEST not in arrays:
        raise CheckpointError(
            "the file is not a bpnet checkpoint",
            where=path,
            expected=f'an .npz file with entries "{RECORD}" and "{DIGEST}"',
            found=", ".join(sorted(arrays)[:5]) or "no entries",
        )
    stated = arrays.pop(DIGEST)
    if content_digest(arrays) != stated.tobytes():
        raise CheckpointError(
            "the checkpoint was altered after it was written",
            where=path,
            expected=f"SHA-256 {stated.tobytes().hex()}",
            found=content_digest(arrays).hex(),
            hint="use another checkpoint of the run",
        )
    return Checkpoint(path, _read_record(path, arrays.pop(RECORD).tobytes()), arrays)


def _read_record(path: Path, text: bytes) -> dict[str, Any]:
    """Return the record, if it is one that this program understands."""
    try:
        record = json.loads(text)
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("format"), int):
        raise CheckpointError("the checkpoint's record is not one of bpnet", where=path)
    if record["format"] > FORMAT:
        raise CheckpointError(
            "the checkpoint was written by a newer bpnet",
            where=path,
            expected=f"format {FORMAT} or older",
            found=f"format {record['format']}",
            hint="update bpnet",
        )
    if missing := [key for key, kind in KEYS.items() if not isinstance(record.get(key), kind)]:
        raise CheckpointError(
            "the checkpoint's record is not complete", where=path, expected=", ".join(missing)
        )
    return record


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return all entries of an .npz file, none of them pickled."""
    what = "the file is not a bpnet checkpoint"
    if not path.is_file():
        found = "a directory" if path.is_dir() else "no such file"
        raise CheckpointError(
            "there is no checkpoint here",
            where=path,
            found=found,
            hint="give a .npz file or a run directory of `bpnet train`",
        )
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST:
                raise CheckpointError(what, where=path, found=f"more than {LARGEST} bytes unpacked")
        with np.load(path, allow_pickle=False) as file:
            # An entry that is no array comes as bytes.
            return {name: np.asarray(file[name]) for name in file.files}
    except UNREADABLE as error:
        raise CheckpointError(
            "the checkpoint cannot be read",
            where=path,
            expected="a whole .npz file without pickled objects",
            found=_what_it_is(path, error),
            hint="use another checkpoint of the run",
        ) from error


def _what_it_is(path: Path, error: Exception) -> str:
    """Describe why a file cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as reading:
        return reading.strerror or str(reading)
    if not start:
        return "an empty file"
    if start.startswith(b"\x80"):
        return "a pickle, which could run any code and is never loaded"
    if start.startswith(b"PK"):
        pickled = "pickle" in str(error).lower() or "object array" in str(error).lower()
        return "pickled objects, which are never loaded" if pickled else f"damaged content: {error}"
    return "a file of another kind"


def content_digest(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the SHA-256 of names, types, shapes and content."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(array.data if array.size else b"")
    return digest.digest()


def demand_finite(value: float, checkpoint: Path) -> None:
    """Raise where the weights of a checkpoint are so large that its answers are not finite.

    Args:
        value: a loss, or a sum of outputs.
        checkpoint: where it came from.

    Raises:
        DivergedError: the value is not finite.
    """
    if not math.isfinite(value):
        raise DivergedError(
            "the checkpoint's weights have diverged: they give no finite numbers",
            where=checkpoint,
            hint="train again with a smaller optimizer.learning_rate, or with train.grad_clip=1",
        )
