"""Make a data set of the arrays that a user gives."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from bpnet.config.loading import load_config
from bpnet.config.data_settings import DataConfig
from bpnet.data.classes import name_classes, number_classes
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.importing.found import Labelled
from bpnet.data.importing.source import check_names, hold_out
from bpnet.errors import DataError
from bpnet.library.arrays import as_labels, as_pictures

NAME = "arrays"  # of the data set, in the config of a run
FEW = 10  # of the training samples, one is held out for validation where nobody says how many


def own_dataset(data: Any, test: Any, classes: Sequence[str] | None) -> Dataset:
    """Return pictures and labels as a data set.

    Args:
        data: a pair of pictures and labels to learn from.
        test: likewise, to score on; without it, some of `data` are held out.
        classes: names of the classes, in the order of their labels.

    Raises:
        DataError: these are no pictures and labels.
    """
    train = _labelled(data, "data")
    if test is None:
        train, scored = hold_out(train, "data")
    else:
        scored = _labelled(test, "test", train.images.shape[1:])
    values, train_numbers, test_numbers = number_classes(train.labels, scored.labels, "labels")
    names = name_classes(values, list(map(str, classes or ())), "classes")
    check_names(names, "classes")
    return Dataset(
        NAME, Samples(train.images, train_numbers), Samples(scored.images, test_numbers), names
    )


def settings_for(dataset: Dataset, config: Any, overrides: Sequence[str]) -> dict[str, object]:
    """Return the settings of `[data]` that fit arrays of the user's.

    Where nobody says how many samples are held out for validation, it is a tenth at most.

    Args:
        dataset: of the arrays.
        config: that the user gave.
        overrides: settings that the user gave besides.
    """
    found: dict[str, object] = {"dataset": NAME, "drawn": 0, "non_digits": 0, "class_names": ""}
    if not any(override.startswith("data.validation=") for override in overrides):
        wanted = DataConfig().validation
        if isinstance(config, Mapping):
            inner = config.get("data", {})
            if "data.validation" in config or "validation" in inner:
                return found
        elif isinstance(config, str | os.PathLike):
            wanted = load_config(os.fspath(config)).data.validation
        found["validation"] = min(wanted, len(dataset.train) // FEW)
    return found


def _labelled(pair: Any, where: str, size: tuple[int, ...] | None = None) -> Labelled:
    """Return a pair of pictures and labels.

    Raises:
        DataError: it is none.
    """
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        found = type(pair).__name__
        if isinstance(pair, tuple | list):
            found += f" of {len(pair)}"
        raise DataError(
            "samples are pictures with labels",
            where=where,
            expected="a pair: (images, labels)",
            found=found,
        )
    images = as_pictures(pair[0], f"{where}[0]", size)
    return Labelled(images, as_labels(pair[1], f"{where}[1]", len(images)))
