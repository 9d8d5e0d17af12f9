"""Turn the parameters of an estimator into a config, and what is wrong with them into ValueErrors.

The config's own reader checks every value, so both know the same names and bounds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.config.loading import load_config
from bpnet.config.reader import ConfigReader, raise_problems
from bpnet.config.settings import CheckpointConfig, Config, Override
from bpnet.config.values import ROWS
from bpnet.errors import BpnetError, ConfigError, DataError, DivergedError

SETTINGS = {  # where the parameters stand in a config
    "normalize": "data.normalize",
    "loss": "train.loss",
    "label_smoothing": "train.label_smoothing",
    "epochs": "train.epochs",
    "batch_size": "train.batch_size",
    "early_stopping": "train.early_stopping",
    "optimizer": "optimizer.name",
    "learning_rate": "optimizer.learning_rate",
    "momentum": "optimizer.momentum",
    "weight_decay": "optimizer.weight_decay",
    "schedule": "schedule.name",
}


class ParameterError(ConfigError, ValueError):
    """Report a parameter or samples that cannot be used, in a way that scikit-learn expects."""


class FitDivergedError(DivergedError, ValueError):
    """Report a loss or a weight that is no longer finite, likewise."""


def read_settings(
    parameters: Mapping[str, Any], classes: int, samples: int, seed: int, dtype: str
) -> Config:
    """Return the config that parameters of an estimator stand for.

    Args:
        parameters: of `DigitClassifier`, by name.
        classes: how many there are in the samples.
        samples: how many there are.
        seed: of all random draws.
        dtype: element type of the network.

    Raises:
        ParameterError: one for all that is wrong.
    """
    held_out = validation_samples(parameters["validation"], samples)
    values = {name: Override(key, parameters[name], name) for name, key in SETTINGS.items()}
    lines = network_lines(parameters["layers"], classes)
    overrides = [
        *values.values(),
        Override("data.dataset", ROWS, "dataset"),
        Override("data.validation", held_out, "validation"),
        Override("model.layers", "\n".join(lines), "layers"),
        Override("model.dtype", dtype, "dtype"),
        Override("train.seed", seed, "random_state"),
        Override("train.workers", 1, "workers"),
    ]
    augment = parameters["augment"] or {}
    if not isinstance(augment, Mapping):
        expected = 'the keys of [augment] with their values, such as {"shift": 1}'
        raise ParameterError(
            "this is no distortion", where="augment", expected=expected, found=repr(augment)
        )
    overrides += [Override(f"augment.{key}", value, "augment") for key, value in augment.items()]
    reader = ConfigReader("DigitClassifier", Path())
    with as_value_errors():
        config = reader.read("", overrides)
        raise_problems("of DigitClassifier", reader.problems)
    once = CheckpointConfig(every=config.train.epochs)  # nothing is written
    return dataclasses.replace(config, checkpoint=once)


def network_lines(layers: Any, classes: int) -> list[str]:
    """Return the layer lines of a whole network: hidden layers, and a last one with the classes.

    Pictures become vectors before the first linear layer, wherever no line says so.

    Args:
        layers: lines of hidden layers, or the name of a preset, whose last linear layer, and what
            follows it, is replaced.
        classes: outputs.

    Raises:
        ParameterError: they are no lines, or there is no such preset.
    """
    if isinstance(layers, str) and len(layers.split()) > 1:
        layers = layers.splitlines()
    if isinstance(layers, str):
        with as_value_errors():
            specs = load_config(layers).model.layers
        last = max((n for n, spec in enumerate(specs) if spec.kind == "linear"), default=len(specs))
        layers = [spec.text for spec in specs[:last]]
    try:
        lines = [line.strip() for line in layers if line.strip()]
    except (TypeError, AttributeError):
        raise ParameterError(
            "these are no layers",
            where="layers",
            expected='lines such as ("conv 16 kernel=3", "relu"), or the name of a preset',
            found=repr(layers),
        ) from None
    lines.append(f"linear {classes}")
    kinds = [line.split()[0] for line in lines]
    first = kinds.index("linear")
    while kinds[:first].count("residual") > kinds[:first].count("end"):
        first -= 1  # a block keeps the shape that it is given
    if "flatten" not in kinds[:first]:
        lines.insert(first, "flatten")
    return lines


def validation_samples(validation: Any, samples: int) -> int:
    """Return how many samples are held out: a whole number itself, or a fraction of all.

    A fraction above 0 is one sample at least.

    Raises:
        ParameterError: it is neither, or would leave nothing to train on.
    """
    held_out = None
    if isinstance(validation, int | np.integer) and not isinstance(validation, bool):
        held_out = int(validation)
    elif isinstance(validation, float | np.floating) and 0 <= validation < 1:
        held_out = max(round(float(validation) * samples), int(validation > 0))
    if held_out is None or not 0 <= held_out < samples:
        raise ParameterError(
            "this many samples cannot be held out",
            where="validation",
            expected=f"fewer than the n_samples = {samples} there are, or a fraction below 1",
            found=repr(validation),
        )
    return held_out


@contextmanager
def as_value_errors() -> Iterator[None]:
    """Raise errors of bpnet as ValueErrors, which scikit-learn and its users expect."""
    try:
        yield
    except (ParameterError, FitDivergedError):
        raise
    except DivergedError as error:
        hint = "a smaller learning_rate, or samples of about the same scale"
        raise reworded(FitDivergedError, error, hint) from error
    except (ConfigError, DataError) as error:
        raise reworded(ParameterError, error, error.parts["try"]) from error


def reworded(kind: type[BpnetError], error: BpnetError, hint: Any) -> BpnetError:
    """Return an error of some kind that says what another one says, with a hint of its own."""
    where, expected, found = (error.parts[name] for name in ("where", "expected", "found"))
    details = error.details
    return kind(error.what, details=details, where=where, expected=expected, found=found, hint=hint)


def with_dataset(config: Config, name: str) -> Config:
    """Return the same config with another name of the data set."""
    return dataclasses.replace(config, data=dataclasses.replace(config.data, dataset=name))
