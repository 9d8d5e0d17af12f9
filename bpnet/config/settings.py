"""Declare every setting but those of the data, and hold all of a config."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bpnet.config.data_settings import AugmentConfig, DataConfig
from bpnet.config.setting import ValueReader, setting
from bpnet.config.values import (
    LARGEST_REAL,
    LARGEST_SEED,
    MOST_BATCHES,
    MOST_EPOCHS,
    MOST_SAMPLES,
    MOST_SHARDS,
    MOST_THREADS,
    one_of,
    real,
    whole,
    workers,
    yes_or_no,
)

if TYPE_CHECKING:
    from bpnet.config.layer_lines import LayerSpec

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


ADAM, STEP = "optimizer.name = adam | adamw | lamb", "schedule.name = step"  # keys go with these
MOMENTUM = "optimizer.name = sgd | lars"
LAYERS = ValueReader(str, "layers", form="one per line, after --set with commas")


def default_layers() -> tuple[LayerSpec, ...]:
    """Read the default layers; all layers are loaded for that, and with them NumPy."""
    from bpnet.config.layer_lines import read_layer

    return tuple(map(read_layer, DEFAULT_LAYERS.splitlines()))


@dataclass(frozen=True)
class ModelConfig:
    """Hold the settings of the network."""

    layers: tuple[LayerSpec, ...] = setting(
        None, "one layer per line", LAYERS, "train.loss", make=default_layers
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
    batch_size: int = setting(64, "samples per batch", whole(1, MOST_SAMPLES))
    accumulate: int = setting(
        1, "batches per step, whose gradients add up", whole(1, MOST_BATCHES), "train.batch_size"
    )
    seed: int = setting(1, "seed of all random draws", whole(0, LARGEST_SEED))
    label_smoothing: float = setting(
        0.0,
        "fraction of a target spread over all classes",
        real(0, 0.999),
        "train.loss = cross_entropy | binary_cross_entropy",
    )
    ema: float = setting(0.0, "decay per step of the averaged weights; 0: off", real(0, 0.999999))
    early_stopping: int = setting(
        0,
        "epochs without improvement before stopping; 0: off",
        whole(0, MOST_EPOCHS),
        "data.validation",
    )
    grad_clip: float = setting(0.0, "largest norm of the gradient; 0: off", real(0, LARGEST_REAL))
    gradients: str = setting(
        "backpropagation",
        "backpropagation | finite_differences (small networks)",
        one_of("backpropagation", "finite_differences"),
        "train.shards",
        "model.dtype",
    )
    shards: int = setting(
        2, "shards of a step, computed side by side", whole(1, MOST_SHARDS), "train.batch_size"
    )
    split: str = setting(
        "samples",
        "what a shard holds: samples | units (hidden, two-layer perceptron)",
        one_of("samples", "units"),
        "train.shards",
        "model.layers",
    )
    reduction: str = setting(
        "ordered",
        "how MPI ranks add gradients: ordered (same bits on any number) | fast",
        one_of("ordered", "fast"),
        "train.shards",
    )
    workers: str = setting(
        "auto",
        "what computes the shards: auto | 2 | threads | 2 processes",
        workers,
        "train.shards",
    )
    blas_threads: int = setting(
        1, "threads per matrix product, in each worker", whole(1, MOST_THREADS), "train.workers"
    )

    @property
    def samples_per_step(self) -> int:
        """Return how many samples move the weights together: those of `accumulate` batches."""
        return self.batch_size * self.accumulate


@dataclass(frozen=True)
class OptimizerConfig:
    """Hold the settings of the update rule."""

    name: str = setting(
        "sgd",
        "update rule: sgd | adam | adamw | rmsprop | adagrad | lars | lamb",
        one_of("sgd", "adam", "adamw", "rmsprop", "adagrad", "lars", "lamb"),
    )
    learning_rate: float = setting(
        0.05, "learning rate at its peak", real(above=0, most=LARGEST_REAL), "schedule.name"
    )
    momentum: float = setting(
        0.9, "sgd, lars: fraction of the last step that is kept", real(0, 0.9999), MOMENTUM
    )
    nesterov: bool = setting(
        True,
        "sgd: look ahead along the momentum",
        yes_or_no,
        "optimizer.name = sgd",
        "optimizer.momentum",
    )
    weight_decay: float = setting(
        5e-4, "pull of weights (not biases) towards 0", real(0, LARGEST_REAL)
    )
    beta1: float = setting(0.9, "adam: decay of the mean gradient", real(0, 0.9999999), ADAM)
    beta2: float = setting(0.999, "adam: decay of the mean square", real(0, 0.9999999), ADAM)
    rho: float = setting(
        0.9, "rmsprop: decay of the mean square", real(0, 0.9999999), "optimizer.name = rmsprop"
    )
    epsilon: float = setting(
        1e-8,
        "adam, rmsprop, adagrad, lamb: added to the square root",
        real(above=0, most=1),
        "optimizer.name = adam | adamw | rmsprop | adagrad | lamb",
    )
    trust: float = setting(
        1e-3,
        "lars: how far a layer may go, as a part of its norm",
        real(above=0, most=1),
        "optimizer.name = lars",
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
        0.0,
        "constant, step, cosine: fraction of the run with a rising rate",
        real(0, 1),
        "schedule.name = constant | step | cosine",
    )
    rise: float = setting(
        0.25,
        "one_cycle: fraction of the run with a rising rate",
        real(0, 1),
        "schedule.name = one_cycle",
    )
    start: float = setting(
        0.04,
        "first rate of a rise, as a fraction of the peak",
        real(0, 1),
        "schedule.warmup",
        "schedule.rise",
    )
    final: float = setting(
        0.0,
        "cosine, one_cycle: last rate, as a fraction of the peak",
        real(0, 1),
        "schedule.name = cosine | one_cycle",
    )
    step_epochs: int = setting(5, "step: epochs between drops", whole(1, MOST_EPOCHS), STEP)
    step_factor: float = setting(0.1, "step: factor of each drop", real(most=1, above=0), STEP)


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
    model: ModelConfig = field(default_factory=ModelConfig)
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


SECTIONS: dict[str, type[Any]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "train": TrainConfig,
    "optimizer": OptimizerConfig,
    "schedule": ScheduleConfig,
    "augment": AugmentConfig,
    "checkpoint": CheckpointConfig,
}


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
