"""Save the whole state of a run in one file, and read it back only if it is whole.

A checkpoint is a plain `.npz`: arrays by name, a JSON record, and a SHA-256 of both. It holds no
pickled objects. A file that is damaged, altered, newer than this program or from another network
is refused with the reason.

It may come from a stranger, who can compute a SHA-256 as well. So the record is read first
(`record.py`), then every array's form is compared with what the record's network has
(`archive.py`), and only then are arrays read.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.network import build_layers
from bpnet.config.reader import ConfigReader
from bpnet.config.settings import Config
from bpnet.disk import FILE, what_is_at
from bpnet.errors import CheckpointError, ConfigError, DivergedError, listed
from bpnet.model.archive import Archive, opened
from bpnet.model.forms import DIGEST, RECORD, Form, Forms, check_forms, demand_equal, form_of, label
from bpnet.model.inputs import Normalization
from bpnet.model.model import Model, build_network
from bpnet.model.record import LARGEST_TEXT, RecordError, read_record
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.sequential import named_shapes

if TYPE_CHECKING:
    from bpnet.model.preparation import Preparation


@dataclass(eq=False)
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
    _config: tuple[str, Config] | None = field(default=None, init=False, repr=False, compare=False)

    def config(self) -> Config:
        """Return the effective config of the run.

        Raises:
            CheckpointError: the record holds no config that this program understands.
        """
        text = str(self.record["config"])
        if self._config is not None and self._config[0] == text:
            return self._config[1]
        reader = ConfigReader(str(self.path), self.path.parent)
        config = reader.read(text)
        if reader.problems:
            raise CheckpointError(
                "the checkpoint's config is not understood",
                where=self.path,
                found=listed(reader.problems),
            )
        self._config = text, config
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
            raise self._not_built([error.what, *error.details]) from None
        prefix = "averaged/" if averaged and "averaged" in self.groups() else ""
        self.restore(f"{prefix}parameters", network.parameters)
        self.restore(f"{prefix}state", network.state)
        normalization = Normalization(*record["normalization"])
        names, temperature = tuple(record["class_names"]), record.get("temperature")
        return Model(config, network, normalization, names, temperature, self.preparation())

    def preparation(self) -> Preparation | None:
        """Return what the training pictures looked like, if the record tells."""
        form = self.record.get("preparation")
        if form is None:
            return None
        from bpnet.model.preparation import Preparation  # eval and train read no picture files

        return Preparation.from_record(form)

    @property
    def epoch(self) -> int | None:
        """Return how many epochs the run had finished; None for weights without a run."""
        progress = self.record.get("progress")
        return None if progress is None else int(progress["epoch"])

    def warnings(self) -> list[str]:
        """Return why the answers of these weights should not be trusted, if there is a reason."""
        if self.epoch != 0:
            return []
        steps = self.record["progress"]["step"]
        taken = "no step" if steps == 0 else "1 step" if steps == 1 else f"{steps} steps"
        return [
            f"{self.path}: no epoch of this run was finished ({taken} taken), "
            "so these weights are hardly trained"
        ]

    def forms(self) -> tuple[Forms, Forms]:
        """Return what the network's parameters and running statistics look like.

        Nothing is reserved for them.

        Raises:
            CheckpointError: the record's network cannot be built.
        """
        config = self.config()
        problems: list[str] = []
        shape, outputs = tuple(self.record["input_shape"]), self.record["outputs"]
        layers = build_layers(config, shape, outputs, problems)
        if problems:
            raise self._not_built(listed(problems))
        dtype = np.dtype(config.model.dtype).str
        parameters, state = (
            {name: Form(dtype, shape) for name, shape in shapes.items()}
            for shapes in named_shapes(layers)
        )
        return parameters, state

    def _not_built(self, found: list[str]) -> CheckpointError:
        return CheckpointError(
            "the checkpoint's network cannot be built", where=self.path, found=found
        )

    def groups(self) -> set[str]:
        """Return the first parts of all array names."""
        return {name.partition("/")[0] for name in self.arrays}

    def restore(self, group: str, target: FlatArrays) -> None:
        """Copy the arrays of a group into `target`.

        Raises:
            CheckpointError: names, element types or shapes differ.
        """
        prefix = f"{group}/"
        saved = {
            name.removeprefix(prefix): array
            for name, array in self.arrays.items()
            if name.startswith(prefix)
        }
        expected = {name: form_of(view) for name, view in target.views.items()}
        found = {name: form_of(array) for name, array in saved.items()}
        demand_equal(group, expected, found, self.path)
        for name, array in saved.items():
            target.views[name][...] = array


def load_checkpoint(path: Path, *, weights_only: bool = False) -> Checkpoint:
    """Read a checkpoint and make sure that it is whole.

    Args:
        path: where it lies.
        weights_only: keep only the arrays that `model` takes, as far as its defaults go.

    Raises:
        CheckpointError: the file is missing, damaged, altered, pickled, newer or not a checkpoint.
    """
    if (found := what_is_at(path)) != FILE:
        raise CheckpointError(
            "there is no checkpoint here",
            where=path,
            found=found,
            hint="give a .npz file or a run directory of `bpnet train`",
        )
    with opened(path) as archive:
        checkpoint = Checkpoint(path, _read_record(path, archive))
        check_forms(archive.forms, *checkpoint.forms(), path)
        used = "averaged/" if any(name.startswith("averaged/") for name in archive.forms) else ""
        wanted = (f"{used}parameters/", f"{used}state/") if weights_only else ("",)
        checkpoint.arrays = _read_arrays(path, archive, lambda name: name.startswith(wanted))
    return checkpoint


def load_record(path: Path) -> dict[str, Any]:
    """Read the record of a checkpoint alone: its arrays are neither read nor checked.

    Raises:
        CheckpointError: the file is missing, damaged, or not a checkpoint.
    """
    with opened(path) as archive:
        return _read_record(path, archive)


def _read_record(path: Path, archive: Archive) -> dict[str, Any]:
    """Return the record, if it is one that this program understands."""
    forms = archive.forms
    record = forms.get(RECORD)
    is_record = record is not None and record.dtype == "|u1" and len(record.shape) == 1
    if record is None or not is_record or forms.get(DIGEST) != Form("|u1", (32,)):
        raise CheckpointError(
            "the file is not a bpnet checkpoint",
            where=path,
            expected=f'an .npz file with entries "{RECORD}" and "{DIGEST}"',
            found=", ".join(map(ascii, sorted(forms)[:5])) or "no entries",
        )
    try:
        if record.size > LARGEST_TEXT:
            raise RecordError(
                "the checkpoint's record is too large",
                f"at most {LARGEST_TEXT} bytes",
                f"{record.size} bytes",
            )
        return read_record(b"".join(archive.blocks(RECORD)))
    except RecordError as error:
        raise CheckpointError(
            error.what,
            where=path,
            expected=error.expected,
            found=error.found,
            hint=error.hint,
        ) from None


def _read_arrays(
    path: Path, archive: Archive, wanted: Callable[[str], bool]
) -> dict[str, NDArray[Any]]:
    """Read all content once, keep the arrays that are wanted, and compare the digest."""
    digest = hashlib.sha256()
    arrays: dict[str, NDArray[Any]] = {}
    for name in sorted(archive.forms.keys() - {DIGEST}):
        form = archive.forms[name]
        digest.update(label(name, form))
        kept = bytearray()
        is_kept = name != RECORD and wanted(name)
        for block in archive.blocks(name):
            digest.update(block)
            if is_kept:
                kept += block
        if is_kept:
            arrays[name] = np.frombuffer(kept, form.dtype).reshape(form.shape)
    stated = b"".join(archive.blocks(DIGEST))
    if digest.digest() != stated:
        raise CheckpointError(
            "the checkpoint was altered after it was written",
            where=path,
            expected=f"SHA-256 {stated.hex()}",
            found=digest.hexdigest(),
            hint="use another checkpoint of the run",
        )
    return arrays


def content_digest(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the SHA-256 of names, types, shapes and content."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(label(name, form_of(array)))
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
