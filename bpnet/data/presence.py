"""Look whether a data set is on this machine, without reading it."""

from __future__ import annotations

from pathlib import Path

from bpnet.config.settings import Config
from bpnet.config.values import DATASETS
from bpnet.data import others, synthetic
from bpnet.data.files.catalogue import KNOWN
from bpnet.data.files.directory import data_directory, named_directory
from bpnet.data.files.names import find_file
from bpnet.data.idx_folder import holds_some, idx_places
from bpnet.data.load import FEWEST, kept_digits
from bpnet.data.mnist import dataset_folder
from bpnet.disk import NOTHING, what_is_at


def is_here(config: Config, data_dir: Path | None = None) -> bool:
    """Return whether loading the data set of `[data]` would read files that are on this machine.

    Where they are damaged, loading tells. Where there are none, it would download or draw them, or
    fail.

    Raises:
        DataError: the data directory is no directory, or cannot be looked into.
    """
    data = config.data
    if data.dataset == "table":
        return True
    named = named_directory(data_dir)
    if named is not None and what_is_at(named) == NOTHING:
        return False
    directory = data_directory(data_dir)
    if data.dataset == "idx":
        places = idx_places(Path(data.path), None if data_dir is None else directory.path)
        return any(map(holds_some, places))
    if data.dataset not in DATASETS:
        return holds_some(directory.path / data.dataset)
    seed, variety, drawings = data.synthetic_seed, data.synthetic_variety, directory.path
    drawings /= "synthetic"
    sizes, drawn = kept_digits(data), []
    if data.dataset != "synthetic":
        known, sizes = KNOWN[data.dataset], (data.drawn, FEWEST)
        folder = dataset_folder(known, directory)
        if any(find_file(folder, file.stem) is None for file in known.files):
            return False
        if data.non_digits:
            drawn.append(others.cache_name(data.non_digits, seed, variety))
    if sizes[0]:
        drawn.append(synthetic.cache_name(*sizes, seed, variety))
    return all((drawings / name / synthetic.SUMS).is_file() for name in drawn)
