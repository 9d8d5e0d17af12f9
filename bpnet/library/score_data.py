"""Choose the samples that checkpoints are scored on, and make sure that they go together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.errors import ConfigError, DataError, some
from bpnet.library.dataset_choice import is_folder, settings_of
from bpnet.library.same_split import check_same_samples, check_same_split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpnet.config.settings import Config
    from bpnet.data.dataset import Dataset, Samples
    from bpnet.data.files.remote import DownloadObserver
    from bpnet.model.checkpoint import Checkpoint
    from bpnet.model.model import Model


def load_data(
    saved: Sequence[Checkpoint],
    models: Sequence[Model],
    chosen: str | None,
    split: str,
    data_dir: Path | None,
    downloads: DownloadObserver | None = None,
) -> Dataset:
    """Load the data set that all checkpoints are scored on.

    Args:
        saved: the checkpoints.
        models: their networks, whose configs name the data set.
        chosen: the data set or folder that the user named instead of that of the training.
        split: which of its samples will be scored.
        data_dir: where data sets lie.
        downloads: watches how the data set is fetched.

    Raises:
        ConfigError: the runs did not hold out the same samples.
        DataError: the networks cannot read it, or it is not there.
    """
    from bpnet.data.load import load_dataset

    paths = [checkpoint.path for checkpoint in saved]
    check_alike(models, paths)
    if split != "test":
        check_same_split([m.config for m in models], paths, chosen=chosen is not None)
    place = None if is_folder(chosen) else data_dir
    data = load_dataset(models[0].config, place, progress=downloads)
    check_fit(models[0], data)
    if split != "test" and chosen is None:
        fingerprints = [checkpoint.record.get("fingerprint") for checkpoint in saved]
        check_same_samples(fingerprints, paths, data)
    return data


def choose_dataset(model: Model, name: str) -> Config:
    """Return the model's config with another data set."""
    if name == "table" and not model.config.data.inputs:
        raise ConfigError("the checkpoint's config holds no table", where="--dataset")
    settings = settings_of(name)
    changes: dict[str, Any] = settings | {"class_names": ()}  # another data set has its own
    if "drawn" in settings:
        changes["drawn"] = int(settings["drawn"])
    data = dataclasses.replace(model.config.data, **changes)
    return dataclasses.replace(model.config, data=data)


def check_fit(model: Model, data: Dataset) -> None:
    """Make sure that the network takes these samples and knows their classes."""
    expected = (model.network.input_shape, len(model.class_names))
    found = (data.input_shape, len(data.class_names))
    if expected != found:
        raise DataError(
            f"the network was made for data other than {data.name}",
            expected=f"samples of shape {expected[0]} in {expected[1]} classes",
            found=f"samples of shape {found[0]} in {found[1]} classes",
            hint="choose another --dataset",
        )
    if not are_same_classes(model.class_names, data.class_names):
        raise DataError(
            f"the network knows other classes than those of {data.name}",
            expected=some(model.class_names),
            found=some(data.class_names),
            hint="choose another --dataset",
        )


def are_same_classes(known: Sequence[str], found: Sequence[str]) -> bool:
    """Return whether classes may be the same: names are, or one side has only numbered them."""
    numbered = [str(number) for number in range(len(known))]
    if list(known) == list(found):
        return True
    others = [names for names in (known, found) if list(names) != numbered]
    return len(others) == 1 and not all(name.lstrip("-").isdigit() for name in others[0])


def warnings_of_classes(model: Model, data: Dataset) -> list[str]:
    """Return what to mind where the classes of a data set bear other names than the network's."""
    if list(model.class_names) == list(data.class_names):
        return []
    return [
        f"the classes of {data.name}, {some(data.class_names)}, are taken for those of the "
        f"network, {some(model.class_names)}, in this order"
    ]


def check_alike(models: Sequence[Model], paths: Sequence[Path]) -> None:
    """Make sure that all networks take the samples of the first and know its classes."""

    def task(model: Model) -> str:
        known = f"the classes {some(model.class_names)}"
        answer = known if model.class_names else f"{model.network.loss.outputs} numbers"
        return f"samples of shape {model.network.input_shape}, answered with {answer}"

    for model, path in zip(models[1:], paths[1:], strict=True):
        first = models[0]
        if task(model) != task(first) or model.class_names != first.class_names:
            raise DataError(
                "this network and the first one were made for different data",
                where=path,
                expected=task(first),
                found=task(model),
                hint="score it on its own",
            )


def check_views(views: int, data: Dataset) -> None:
    """Make sure that samples to show in several views are pictures, and not too large."""
    from bpnet.data.distortion.warp import LARGEST_SIDE

    inputs = data.test.inputs
    if views == 1:
        return
    if inputs.dtype != "uint8" or inputs.ndim != 3:
        raise ConfigError(
            "only pictures can be shown in several views",
            where="--views",
            expected="grey pictures",
            found=f"numbers of shape {data.input_shape}",
        )
    height, width = inputs.shape[1:]
    if max(height, width) > LARGEST_SIDE:
        raise ConfigError(
            "these pictures are too large to be shown in several views",
            where="--views",
            expected=f"at most {LARGEST_SIDE}×{LARGEST_SIDE} pixels",
            found=f"{height}×{width} pixels",
            hint="leave --views out",
        )


def choose_samples(
    config: Config, data: Dataset, split: str
) -> tuple[Samples, NDArray[np.int64] | None]:
    """Return the samples that hold a split, and its sample numbers unless it is all of them."""
    from bpnet.data.split import split_samples

    if split == "test":
        return data.test, None
    if split == "train" and data.endless is not None:
        raise ConfigError(
            "the digits that the run learned from were drawn without end, and none is kept",
            where="--split",
            expected="test or validation",
            found=split,
        )
    training, validation = split_samples(config, data)
    index = training if split == "train" else validation
    if not len(index):
        raise ConfigError("the run held out no samples for validation", where="--split")
    return data.train, index
