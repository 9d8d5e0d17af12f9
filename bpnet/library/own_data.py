"""Tell what a user gives to learn from: arrays, or a data set by its name or folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bpnet.config.data_settings import DataConfig
from bpnet.config.values import ARRAYS
from bpnet.data.classes import name_classes, number_classes
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.importing.found import Labelled
from bpnet.data.importing.source import check_names, hold_out
from bpnet.errors import ConfigError, DataError
from bpnet.library.arrays import as_labels, as_pictures
from bpnet.library.dataset_choice import is_folder, settings_of
from bpnet.library.settings import config_of, overrides_of

VALIDATION = "data.validation"
FEW = 10  # of so many training samples, one is held out for validation unless somebody says more


@dataclass(frozen=True)
class Learned:
    """Hold what a run learns from.

    Args:
        dataset: made of arrays; None where the config names it.
        chosen: settings of `[data]` that name another data set.
        is_folder: whether they name a folder.
    """

    dataset: Dataset | None = None
    chosen: Mapping[str, object] = field(default_factory=dict)
    is_folder: bool = False

    def settings(self, config: Any, overrides: Sequence[str]) -> Mapping[str, object]:
        """Return the settings of `[data]` that go with it.

        Where nobody says how many arrays are held out for validation, it is a tenth at most.

        Args:
            config: that the user gave.
            overrides: settings that the user gave besides.
        """
        if self.dataset is None:
            return self.chosen
        found: dict[str, object] = {
            "dataset": ARRAYS,
            "drawn": 0,
            "non_digits": 0,
            "class_names": "",
        }
        given = list(overrides)
        if isinstance(config, Mapping):
            given += overrides_of(config, "config")
        if any(override.startswith(f"{VALIDATION}=") for override in given):
            return found
        usual = DataConfig() if config is None or isinstance(config, Mapping) else None
        wanted = (usual or config_of(config, None).data).validation
        return found | {"validation": min(wanted, len(self.dataset.train) // FEW)}


def what_to_learn(data: Any, test: Any, classes: Sequence[str] | None) -> Learned:
    """Return what a run learns from.

    Args:
        data: a pair of pictures and labels, or the name or folder of a data set.
        test: a pair to score on; without it, some of `data` are held out.
        classes: names of the classes, in the order of their labels.

    Raises:
        ConfigError: there is no such data set, or test samples without any to learn from.
        DataError: these are no pictures and labels.
    """
    if data is None or isinstance(data, str | os.PathLike):
        if test is not None or classes is not None:
            what = "test samples and classes go with arrays to learn from"
            raise ConfigError(what, where="classes" if test is None else "test")
        if data is None:
            return Learned()
        chosen = os.fspath(data)
        return Learned(chosen=settings_of(chosen, "data"), is_folder=is_folder(chosen))
    train = _labelled(data, "data")
    if test is None:
        train, scored = hold_out(train, "data")
    else:
        scored = _labelled(test, "test", train.images.shape[1:])
    values, train_numbers, test_numbers = number_classes(train.labels, scored.labels, "labels")
    names = name_classes(values, list(map(str, classes or ())), "classes")
    check_names(names, "classes")
    parts = Samples(train.images, train_numbers), Samples(scored.images, test_numbers)
    return Learned(Dataset(ARRAYS, *parts, names))


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
