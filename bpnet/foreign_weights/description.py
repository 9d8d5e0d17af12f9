"""Find out what weights do not tell: the samples they take, and what their outputs are called."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpnet.config.network import known_input_shape, known_outputs
from bpnet.config.reader import ConfigReader
from bpnet.config.settings import Config
from bpnet.config.values import NO_DIGIT
from bpnet.data.files.catalogue import MNIST
from bpnet.data.files.remote import DownloadObserver
from bpnet.data.load import load_dataset, with_data_dir
from bpnet.data.split import split_samples
from bpnet.errors import CheckpointError, ConfigError, listed
from bpnet.foreign_weights.weights import Weights
from bpnet.model.inputs import Normalization
from bpnet.model.preparation import Preparation
from bpnet.nn.layer import Shape
from bpnet.training.preparation import MNIST as MNIST_FORM
from bpnet.training.preparation import learn_preparation

USUAL_MEAN, USUAL_STD = 0.1307, 0.3081  # of MNIST's greys from 0 to 1, as everybody rounds them


@dataclass(frozen=True)
class Description:
    """Hold all of a model but its weights; see `Model`.

    Args:
        note: how inputs are normalised, and who says so.
    """

    config: Config
    input_shape: Shape
    outputs: int
    normalization: Normalization
    class_names: tuple[str, ...]
    temperature: float | None
    preparation: Preparation | None
    note: str


@dataclass(frozen=True)
class Greys:
    """Hold what the user says of how pictures become inputs.

    Args:
        normalize: as `[data] normalize`: standard, unit or none.
        moments: mean and standard deviation of greys from 0 to 1, which make it `standard`.
    """

    normalize: str | None = None
    moments: tuple[float, float] | None = None

    def applied_to(self, config: Config) -> Config:
        """Return a config by which a new run normalises in the same way."""
        kind = "standard" if self.moments is not None else self.normalize
        data = dataclasses.replace(config.data, normalize=kind or config.data.normalize)
        return dataclasses.replace(config, data=data)


def describe(
    weights: Weights,
    config: Config | None,
    greys: Greys,
    data_dir: Path | None = None,
    progress: DownloadObserver | None = None,
) -> Description:
    """Return what is known of the network that some weights belong to.

    Args:
        weights: with what bpnet has written beside them, if it has.
        config: of the network; None to take the one that bpnet has written.
        greys: what the user says of the pictures.
        data_dir: where data sets lie; they are looked at unless MNIST is meant.
        progress: is told of downloads.

    Raises:
        ConfigError: the normalisation cannot be known.
        DataError: the data set of the config cannot be read.
        CheckpointError: what bpnet has written is damaged.
    """
    if config is not None:
        config = greys.applied_to(config)
    if weights.record is not None:
        found = _recorded(weights, weights.record, config)
        found = dataclasses.replace(found, config=greys.applied_to(found.config))
        if greys.normalize is not None:
            found = _normalized(found, _usual(found.config), "as given")
    else:
        assert config is not None
        is_known = config.data.dataset == "mnist"
        found = _of_mnist(config) if is_known else _of_dataset(config, data_dir, progress)
    if greys.moments is None:
        return found
    return _normalized(found, standardized(*greys.moments), "as given")


def _normalized(found: Description, normalization: Normalization, why: str) -> Description:
    note = f"{shown(normalization)}, {why}"
    return dataclasses.replace(found, normalization=normalization, note=note)


def _recorded(weights: Weights, record: dict[str, Any], config: Config | None) -> Description:
    """Return what bpnet itself has written beside the weights."""
    if config is None:
        reader = ConfigReader(str(weights.path), weights.path.parent)
        config = reader.read(str(record["config"]))
        if reader.problems:
            raise CheckpointError(
                "the config in the file is not understood",
                where=weights.path,
                found=listed(reader.problems),
                hint="name another one with --config",
            )
    form = record.get("preparation")
    normalization = Normalization(*record["normalization"])
    return Description(
        config,
        tuple(record["input_shape"]),
        record["outputs"],
        normalization,
        tuple(record["class_names"]),
        record.get("temperature"),
        None if form is None else Preparation.from_record(form),
        f"{shown(normalization)}, as the file says",
    )


def _of_mnist(config: Config) -> Description:
    """Return what is known of MNIST without looking at it."""
    shape, outputs = known_input_shape(config), known_outputs(config)
    assert shape is not None
    assert outputs is not None
    names = config.data.class_names or MNIST.class_names
    if config.data.non_digits:
        names = (*names, NO_DIGIT)
    normalization = _usual(config)
    why = "as usual for MNIST" if config.data.normalize == "standard" else "as the config says"
    note = f"{shown(normalization)}, {why}"
    return Description(config, shape, outputs, normalization, names, None, MNIST_FORM, note)


def _usual(config: Config) -> Normalization:
    """Return what everybody means by a config's `normalize`.

    Raises:
        ConfigError: nobody knows mean and deviation of its data set without looking.
    """
    data = config.data
    if data.normalize == "none":
        return Normalization()
    if data.normalize == "unit":
        return Normalization(1.0 if data.dataset == "table" else 1 / 255)
    if data.dataset != "mnist":
        raise ConfigError(
            "the mean and the deviation of the pictures are not known",
            where="--normalize standard",
            hint="give them with --mean and --std",
        )
    return standardized(USUAL_MEAN, USUAL_STD)


def _of_dataset(
    config: Config, data_dir: Path | None, progress: DownloadObserver | None
) -> Description:
    """Return what training would find in the data set."""
    config = with_data_dir(config, data_dir)
    dataset = load_dataset(config, data_dir, progress=progress)
    training, _ = split_samples(config, dataset)
    inputs, targets = dataset.train.inputs, dataset.train.targets
    normalization = Normalization.of(config.data.normalize, inputs, training)
    return Description(
        config,
        dataset.input_shape,
        len(dataset.class_names) if targets.ndim == 1 else targets.shape[1],
        normalization,
        dataset.class_names,
        None,
        learn_preparation(dataset, training),
        f"{shown(normalization)}, as measured on {dataset.name}",
    )


def standardized(mean: float, std: float) -> Normalization:
    """Return `(x/255 − mean) / std`, with mean and std of greys from 0 to 1."""
    return Normalization(1 / (255 * std), -mean / std)


def shown(normalization: Normalization) -> str:
    """Return a normalisation as people write it."""
    scale, offset = normalization.scale, normalization.offset
    if scale == 1 and not offset:
        return "x"
    if not offset and abs(255 * scale - 1) < 1e-12:
        return "x/255"
    std = 1 / (255 * scale)
    return f"(x/255 − {-offset * std:.4g}) / {std:.4g}"
