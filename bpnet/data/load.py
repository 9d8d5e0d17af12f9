"""Get the data set that a config names."""

import dataclasses
from pathlib import Path

from bpnet.config.data_settings import DataConfig
from bpnet.config.network import LIKE_MNIST
from bpnet.config.settings import Config
from bpnet.config.values import DATASETS
from bpnet.data.dataset import Dataset
from bpnet.data.endless import MEASURED, EndlessDigits
from bpnet.data.files.directory import data_directory
from bpnet.data.files.remote import DownloadObserver
from bpnet.data.idx_folder import find_idx_folder, load_idx_folder
from bpnet.data.imported import imported_folder
from bpnet.data.mnist import load_mnist, mnist_at_hand
from bpnet.data.others import are_drawn, with_others
from bpnet.data.synthetic import is_drawn, load_synthetic
from bpnet.data.table import load_table
from bpnet.errors import ConfigError

FEWEST = 10  # test pictures of a set of which only the training pictures are wanted


def with_data_dir(config: Config, data_dir: Path | None) -> Config:
    """Return the config with the place where an idx data set lies now.

    Raises:
        DataError: a directory is named, and neither it nor the config's `path` holds the files.
    """
    if config.data.dataset != "idx" or data_dir is None:
        return config
    path = str(find_idx_folder(Path(config.data.path), data_dir))
    return dataclasses.replace(config, data=dataclasses.replace(config.data, path=path))


def load_dataset(
    config: Config,
    data_dir: Path | None = None,
    *,
    mirror: str | None = None,
    progress: DownloadObserver | None = None,
) -> Dataset:
    """Return the data set of `[data]`, downloaded or drawn first if it is not there yet.

    Raises:
        ConfigError: no data set of that name has been imported.
        DataError: files are missing or damaged and cannot be obtained.
    """
    data = config.data
    data_directory(data_dir)  # one that a user names must exist, even where it is not needed
    if data.dataset == "idx":
        path = Path(with_data_dir(config, data_dir).data.path)
        return load_idx_folder(path, names=data.class_names)
    if data.dataset not in DATASETS:
        folder = imported_folder(data.dataset, data_dir)
        return load_idx_folder(folder, name=data.dataset, names=data.class_names)
    if data.dataset == "table":
        return _renamed(load_table(config), data.class_names)
    drawings = data_directory(data_dir).path / "synthetic"
    if data.dataset == "synthetic":
        seed, variety = data.synthetic_seed, data.synthetic_variety
        drawn = load_synthetic(drawings, *kept_digits(data), seed, variety=variety)
        if data.is_endless:
            endless = EndlessDigits(seed, variety, data.repeat)
            drawn = dataclasses.replace(drawn, endless=endless)
        return _renamed(drawn, data.class_names)
    dataset = load_mnist(data.dataset, data_dir, mirror=mirror, progress=progress)
    dataset = _renamed(dataset, data.class_names)
    seed, variety = data.synthetic_seed, data.synthetic_variety
    if data.drawn:
        drawn = load_synthetic(drawings, data.drawn, FEWEST, seed, variety=variety)
        dataset = dataclasses.replace(dataset, train=dataset.train.followed_by(drawn.train))
    if data.non_digits:
        dataset = with_others(dataset, drawings, data.non_digits, seed, variety)
    return dataset


def kept_digits(data: DataConfig) -> tuple[int, int]:
    """Return how many drawn digits are kept for training and validation, and how many for the test.

    Of digits without end, those of the validation are kept, and some by which all are measured.
    """
    train = MEASURED + data.validation if data.is_endless else data.synthetic_train
    return train, data.synthetic_test


def _renamed(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """Return a data set whose classes have these names, if there are any."""
    if not names:
        return dataset
    if len(names) != len(dataset.class_names):
        raise ConfigError(
            "the class names do not fit the data set",
            where="[data] class_names",
            expected=f"{len(dataset.class_names)} names, as {dataset.name} has so many classes",
            found=f"{len(names)} names",
        )
    return dataclasses.replace(dataset, class_names=names)


def dataset_at_hand(config: Config, data_dir: Path | None = None) -> Dataset | None:
    """Return the data set of `[data]` if all of it is here, or None; nothing is written.

    Raises:
        DataError: files are missing or damaged that neither a download nor drawing replaces.
    """
    data = config.data
    if data.dataset not in LIKE_MNIST:
        return load_dataset(config, data_dir)
    seed, variety = data.synthetic_seed, data.synthetic_variety
    sizes = kept_digits(data)
    drawings = data_directory(data_dir).path / "synthetic"
    if data.dataset != "synthetic":
        known = mnist_at_hand(data.dataset, data_dir)
        if known is None or not (data.drawn or data.non_digits):
            return known
        if data.non_digits and not are_drawn(drawings, data.non_digits, seed, variety):
            return None
        sizes = (data.drawn, FEWEST)
    there = sizes[0] == 0 or is_drawn(drawings, *sizes, seed, variety)
    return load_dataset(config, data_dir) if there else None
