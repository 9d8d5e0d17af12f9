"""Declare the settings of the data: what a network learns from, and how it is distorted."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from bpnet.config.setting import setting
from bpnet.config.values import (
    LARGEST_SEED,
    MOST_DRAWN,
    MOST_SAMPLES,
    Rows,
    dataset_name,
    names,
    one_of,
    path,
    real,
    rows,
    shape,
    whole,
    whole_or_zero,
    yes_or_no,
)

# What keys go with.
SYNTHETIC, MNIST, TABLE = (f"data.dataset = {name}" for name in ("synthetic", "mnist", "table"))


@dataclass(frozen=True)
class DataConfig:
    """Hold the settings of the samples that a network learns from."""

    dataset: str = setting(
        "mnist",
        "mnist | fashion_mnist | idx | synthetic | table | an imported name",
        dataset_name,
    )
    path: str = setting(
        "",
        "folder of an idx data set, relative to the config file",
        path,
        "data.dataset = idx",
    )
    class_names: tuple[str, ...] = setting(
        (), "one per class, separated by commas; by default, the data set's own", names
    )
    normalize: str = setting(
        "standard",
        "standard: (x/255 − mean)/std of training; unit: x/255; none (table)",
        one_of("standard", "unit", "none"),
    )
    validation: int = setting(
        5000,
        "samples held out from the training set; 0 for table",
        whole(0, MOST_SAMPLES),
        "train.early_stopping",
    )
    synthetic_train: int = setting(
        60000,
        "drawn digits to train on; 0: without end, none of them twice",
        whole_or_zero(10, MOST_DRAWN),
        SYNTHETIC,
    )
    repeat: int = setting(
        60000,
        "digits of an epoch, where they are drawn without end",
        whole(10, MOST_DRAWN),
        SYNTHETIC,
        "data.synthetic_train",
    )
    synthetic_test: int = setting(
        10000, "drawn digits to score on", whole(10, MOST_DRAWN), SYNTHETIC
    )
    synthetic_seed: int = setting(
        1,
        "which digits are drawn; by default, the seed of training",
        whole(0, LARGEST_SEED),
        SYNTHETIC,
        "train.seed",
    )
    synthetic_variety: float = setting(
        1.0, "how much writers differ; below 1: neater", real(0, 2), SYNTHETIC
    )
    drawn: int = setting(
        0, "mnist: drawn digits added to the training pictures", whole(0, MOST_DRAWN), MNIST
    )
    non_digits: int = setting(
        0,
        "mnist: drawn pictures without a digit, as a class of their own",
        whole(0, MOST_DRAWN),
        MNIST,
    )
    inputs: Rows = setting((), "table: one sample per line", rows, TABLE, "data.targets")
    targets: Rows = setting(
        (), "table: what the network should answer, one sample per line", rows, TABLE
    )
    input_shape: tuple[int, ...] = setting(
        (), "table: channels, height, width of a sample", shape, TABLE, "data.inputs"
    )

    @property
    def is_endless(self) -> bool:
        """Return whether digits to train on are drawn without end, none of them twice."""
        return self.dataset == "synthetic" and not self.synthetic_train


@dataclass(frozen=True)
class AugmentConfig:
    """Hold the settings of distortion, which only training pictures undergo."""

    shift: float = setting(0.0, "pixels, each way", real(0, 1000))
    rotate: float = setting(0.0, "degrees, each way", real(0, 180))
    scale: float = setting(0.0, "fraction of the size, each way", real(0, 0.9))
    shear: float = setting(0.0, "degrees, each way", real(0, 60))
    elastic_alpha: float = setting(0.0, "strength of elastic distortion", real(0, 10000))
    elastic_sigma: float = setting(
        4.0,
        "pixels over which elastic distortion is smooth",
        real(0.1, 100),
        "augment.elastic_alpha",
    )
    thickness: float = setting(0.0, "pixels that strokes gain or lose", real(0, 2))
    cutout: int = setting(0, "side of a blanked square, in pixels", whole(0, 512))
    flip: bool = setting(False, "mirror half of all pictures, left to right", yes_or_no)

    @property
    def is_identity(self) -> bool:
        """Return whether these settings leave every picture as it is."""
        return dataclasses.replace(self, elastic_sigma=4.0) == AugmentConfig()
