"""Make a checkpoint of weights that were trained elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bpnet.config.settings import Config
from bpnet.data.files.remote import DownloadObserver
from bpnet.errors import CheckpointError, ConfigError, listed
from bpnet.foreign_weights.description import Greys, describe
from bpnet.foreign_weights.matching import match
from bpnet.foreign_weights.opening import open_weights
from bpnet.foreign_weights.weights import Weights
from bpnet.model.model import Model, build_network
from bpnet.training.saving import model_record, named_arrays, save_checkpoint

WIDEST = 8  # bytes of a float


@dataclass(frozen=True)
class Imported:
    """Hold a model with weights of elsewhere.

    Args:
        model: ready to answer.
        names: of the arrays in the file, by those of the parameters, as `1.weight`.
        note: how inputs are normalised, and who says so.
        warnings: what the user should make sure of.
    """

    model: Model
    names: dict[str, str]
    note: str
    warnings: list[str]


def import_weights(
    path: Path,
    config: Config | None = None,
    greys: Greys | None = None,
    data_dir: Path | None = None,
    progress: DownloadObserver | None = None,
) -> Imported:
    """Return a model with the weights of a file.

    Args:
        path: a `.safetensors` or `.npz` file, or the textbook's `.json`.
        config: the network and its data set; may be left out where the file tells it.
        greys: how pictures become inputs; by default as the file or the config says.
        data_dir: where data sets lie.
        progress: is told of downloads.

    Raises:
        ConfigError: no config is known, or it describes no network.
        DataError: the data set of the config cannot be read.
        CheckpointError: the file is damaged, its arrays do not fit, or are not finite.
    """
    with open_weights(path) as weights:
        if config is None and weights.record is None:
            config = weights.config
        if config is None and weights.record is None:
            raise ConfigError(
                "the weights do not tell which network they belong to",
                where=path,
                hint="name a preset or a config of the same layers with --config",
            )
        found = describe(weights, config, greys or Greys(), data_dir, progress)
        try:
            network = build_network(found.config, found.input_shape, found.outputs, fast=False)
        except ConfigError as error:
            if config is not None:
                raise
            raise CheckpointError(
                "the network in the file cannot be built",
                where=path,
                found=listed([error.what, *error.details]),
            ) from None
        matched = match(network.layers, weights)
        for name, view in (network.parameters.views | network.state.views).items():
            _copy(weights, matched.names[name], view)
    model = Model(
        found.config,
        network,
        found.normalization,
        found.class_names,
        found.temperature,
        found.preparation,
    )
    return Imported(model, matched.names, found.note, matched.warnings)


def _copy(weights: Weights, name: str, view: NDArray[np.floating]) -> None:
    """Write an array of the file into a parameter of the same shape.

    Raises:
        CheckpointError: it holds anything but finite floats, or a negative variance.
    """
    dtype = np.dtype(weights.forms[name].dtype)
    if dtype.kind != "f" or dtype.itemsize > WIDEST:
        raise CheckpointError(
            "a weight is no float",
            where=weights.path,
            expected="floats of 16, 32 or 64 bits",
            found=f"{name} of type {dtype}",
        )
    with np.errstate(all="ignore"):  # what is too large is told below
        view[...] = weights.read(name)
    if not np.isfinite(view).all():
        raise CheckpointError(
            "a weight is not finite", where=weights.path, found=f"{name}, in {view.dtype}"
        )
    if name.endswith(("running_var", "running_variance")) and (view < 0).any():
        raise CheckpointError(
            "a variance is negative", where=weights.path, found=f"{name}: {float(view.min()):.6g}"
        )


def save_imported(imported: Imported, path: Path, option: str) -> None:
    """Write the checkpoint, from which `train --from` can go on.

    Args:
        imported: what it holds.
        path: of the file.
        option: by which another place can be chosen.

    Raises:
        CheckpointError: the file cannot be written.
    """
    network = imported.model.network
    arrays = named_arrays({"parameters": network.parameters, "state": network.state})
    save_checkpoint(path, model_record(imported.model), arrays, option)
