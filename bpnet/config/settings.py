"""Declare every setting: its name, its default, what it means and which values it takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bpnet.config.layer_lines import LayerSpec, read_layer
from bpnet.config.values import (
    LARGEST_REAL,
    LARGEST_SEED,
    MOST_DRAWN,
    MOST_EPOCHS,
    MOST_SAMPLES,
    MOST_SHARDS,
    MOST_THREADS,
    Rows,
    class_names,
    dataset_name,
    one_of,
    path,
    real,
    rows,
    shape,
    whole,
    workers,
    yes_or_no,
)

SET = "--set"  # the option that takes any setting

DEFAULT_LAYERS = """conv 24 kernel=5
maxpool 2
relu
conv 32 kernel=3
maxpool 2
relu
flatten
linear 256
relu
linear 10"""


def setting(default: Any, meaning: str, read: Callable[[str], Any]) -> Any:
    """Declare one key: its default, what it means, and how its text is read."""
    return field(default=default, metadata={"meaning": meaning, "read": read})


@dataclass(frozen=True)
class DataConfig:
    """Hold the settings of the samples that a network learns from."""

    dataset: str = setting(
        "mnist",
        "mnist | fashion_mnist | idx | synthetic | table | an imported name",
        dataset_name,
    )
    path: str = setting("", "folder of an idx data set, relative to the config file", path)
    class_names: tuple[str, ...] = setting(
        (), "one per class, separated by commas; by default, the data set's own", class_names
    )
    normalize: str = setting(
        "standard",
        "standard: (x/255 − mean)/std of training; unit: x/255; none (table)",
        one_of("standard", "unit", "none"),
    )
    validation: int = setting(
        5000, "samples held out from the training set; 0 for table", whole(0, MOST_SAMPLES)
    )
    synthetic_train: int = setting(60000, "drawn digits to train on", whole(10, MOST_DRAWN))
    synthetic_test: int = setting(10000, "drawn digits to score on", whole(10, MOST_DRAWN))
    synthetic_seed: int = setting(
        1, "which digits are drawn; by default, the seed of training", whole(0, LARGEST_SEED)
    )
    synthetic_variety: float = setting(1.0, "how much writers differ; below 1: neater", real(0, 2))
    drawn: int = setting(
        0, "mnist: drawn digits added to the training pictures", whole(0, MOST_DRAWN)
    )
    non_digits: int = setting(
        0, "mnist: drawn pictures without a digit, as a class of their own", whole(0, MOST_DRAWN)
    )
    inputs: Rows = setting((), "table: one sample per line", rows)
    targets: Rows = setting((), "table: what the network should answer, one sample per line", rows)
    input_shape: tuple[int, ...] = setting((), "table: channels, height, width of a sample", shape)


@dataclass(frozen=True)
class ModelConfig:
    """Hold the settings of the network."""

    layers: tuple[LayerSpec, ...] = setting(
        tuple(map(read_layer, DEFAULT_LAYERS.splitlines())), "one layer per line", str
    )
    init: str = setting(
        "he",
        "starting weights: he | glorot | lecun | normal | zeros",
        one_of("he", "glorot", "lecun", "normal", "zeros"),
    )
    dtype: str = setting("float32", "element type: float32 | float64", one_of("float32", "float64"))


@dataclass(frozen=True)
class TrainConfig:
    """Hold the settings of training."""

    loss: str = setting(
        "cross_entropy",
        "cross_entropy | mse | quadratic | binary_cross_entropy",
        one_of("cross_entropy", "mse", "quadratic", "binary_cross_entropy"),
    )
    epochs: int = setting(10, "passes over the training samples", whole(1, MOST_EPOCHS))
    batch_size: int = setting(64, "samples per step", whole(1, MOST_SAMPLES))
    seed: int = setting(1, "seed of all random draws", whole(0, LARGEST_SEED))
    label_smoothing: float = setting(
        0.0, "fraction of a target spread over all classes", real(0, 0.999)
    )
    ema: float = setting(0.0, "decay per step of the averaged weights; 0: off", real(0, 0.999999))
    early_stopping: int = setting(
        0, "epochs without improvement before stopping; 0: off", whole(0, MOST_EPOCHS)
    )
    grad_clip: float = setting(0.0, "largest norm of the gradient; 0: off", real(0, LARGEST_REAL))
    gradients: str = setting(
        "backpropagation",
        "backpropagation | finite_differences (small networks)",
        one_of("backpropagation", "finite_differences"),
    )
    shards: int = setting(2, "shards of a step, computed side by side", whole(1, MOST_SHARDS))
    split: str = setting(
        "samples",
        "what a shard holds: samples | units (hidden, two-layer perceptron)",
        one_of("samples", "units"),
    )
    workers: str = setting(
        "auto", "what computes the shards: auto | 2 | threads | 2 processes", workers
    )
    blas_threads: int = setting(
        1, "threads per matrix product, in each worker", whole(1, MOST_THREADS)
    )


@dataclass(frozen=True)
class OptimizerConfig:
    """Hold the settings of the update rule."""

    name: str = setting(
        "sgd",
        "update rule: sgd | adam | adamw | rmsprop | adagrad",
        one_of("sgd", "adam", "adamw", "rmsprop", "adagrad"),
    )
    learning_rate: float = setting(
        0.05, "learning rate at its peak", real(above=0, most=LARGEST_REAL)
    )
    momentum: float = setting(0.9, "sgd: fraction of the last step that is kept", real(0, 0.9999))
    nesterov: bool = setting(True, "sgd: look ahead along the momentum", yes_or_no)
    weight_decay: float = setting(
        5e-4, "pull of weights (not biases) towards 0", real(0, LARGEST_REAL)
    )
    beta1: float = setting(0.9, "adam: decay of the mean gradient", real(0, 0.9999999))
    beta2: float = setting(0.999, "adam: decay of the mean square", real(0, 0.9999999))
    rho: float = setting(0.9, "rmsprop: decay of the mean square", real(0, 0.9999999))
    epsilon: float = setting(
        1e-8, "adam, rmsprop, adagrad: added to the square root", real(above=0, most=1)
    )


@dataclass(frozen=True)
class ScheduleConfig:
    """Hold the settings of the learning-rate schedule."""

    name: str = setting(
        "one_cycle",
        "shape of the schedule: constant | step | cosine | one_cycle",
        one_of("constant", "step", "cosine", "one_cycle"),
    )
    warmup: float = setting(
        0.0, "constant, step, cosine: fraction of the run with a rising rate", real(0, 1)
    )
    rise: float = setting(0.25, "one_cycle: fraction of the run with a rising rate", real(0, 1))
    start: float = setting(0.04, "first rate of a rise, as a fraction of the peak", real(0, 1))
    final: float = setting(
        0.0, "cosine, one_cycle: last rate, as a fraction of the peak", real(0, 1)
    )
    step_epochs: int = setting(5, "step: epochs between drops", whole(1, MOST_EPOCHS))
    step_factor: float = setting(0.1, "step: factor of each drop", real(0, 1, above=0))


@dataclass(frozen=True)
class AugmentConfig:
    """Hold the settings of distortion, which only training pictures undergo."""

    shift: float = setting(0.0, "pixels, each way", real(0, 1000))
    rotate: float = setting(0.0, "degrees, each way", real(0, 180))
    scale: float = setting(0.0, "fraction of the size, each way", real(0, 0.9))
    shear: float = setting(0.0, "degrees, each way", real(0, 60))
    elastic_alpha: float = setting(0.0, "strength of elastic distortion", real(0, 10000))
    elastic_sigma: float = setting(
        4.0, "pixels over which elastic distortion is smooth", real(0.1, 100)
    )
    thickness: float = setting(0.0, "pixels that strokes gain or lose", real(0, 2))
    cutout: int = setting(0, "side of a blanked square, in pixels", whole(0, 512))
    flip: bool = setting(False, "mirror half of all pictures, left to right", yes_or_no)

    @property
    def is_identity(self) -> bool:
        """Return whether these settings leave every picture as it is."""
        return dataclasses.replace(self, elastic_sigma=4.0) == AugmentConfig()


@dataclass(frozen=True)
class CheckpointConfig:
    """Hold the settings of saving a run."""

    every: int = setting(1, "epochs between checkpoints", whole(1, MOST_EPOCHS))


@dataclass(frozen=True)
class Config:
    """Hold every setting of a run.

    Args:
        weights: starting values of named parameters, in row order.
        given: the keys, as `section.key`, that were given explicitly, and where.
    """

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    augment: AugmentConfig = AugmentConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    weights: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict, compare=False)

    def with_epochs(self, epochs: int) -> Config:
        """Return the same config with another number of epochs."""
        return dataclasses.replace(self, train=dataclasses.replace(self.train, epochs=epochs))

    def with_workers(self, workers: str) -> Config:
        """Return the same config with other workers, which change no result."""
        return dataclasses.replace(self, train=dataclasses.replace(self.train, workers=workers))


class Override(str):
    """Hold `section.key=value`, and the option that was given for it; a plain string is `--set`'s.

    Args:
        key: `section.key`.
        value: as text.
        option: such as `--seed`.
    """

    __slots__ = ("option",)

    option: str

    def __new__(cls, key: str, value: object, option: str) -> Override:
        """Return the text, which knows its option."""
        override = super().__new__(cls, f"{key}={value}")
        override.option = option
        return override


def option_of(override: str) -> str:
    """Return the option that a setting was given with."""
    return override.option if isinstance(override, Override) else SET
