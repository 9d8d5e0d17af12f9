"""Look whether a data set is on this machine, without reading it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from bpnet.config.settings import Config
from bpnet.config.values import DATASETS
from bpnet.data import others, synthetic
from bpnet.data.files.catalogue import KNOWN
from bpnet.data.files.directory import data_directory, named_directory
from bpnet.data.files.names import STEMS, find_file
from bpnet.data.idx_folder import files_in, idx_places
from bpnet.data.load import FEWEST, kept_digits
from bpnet.data.mnist import dataset_folder
from bpnet.disk import NOTHING, what_is_at
from bpnet.errors import DataError

ABSENT = (NOTHING, os.strerror(errno.EACCES))  # of a directory, for those who may not see it


def is_here(config: Config, data_dir: Path | None = None) -> bool:
    """Return whether loading the data set of `[data]` would read files that are on this machine.

    Where they are damaged, loading tells. Where there are none, or none that this user may read, it
    would download or draw them, or fail.

    Raises:
        DataError: the data directory is no directory, or cannot be looked into.
    """
    try:
        files = _files(config, data_dir)
    except DataError as error:
        if isinstance(error.__cause__, PermissionError):
            return False
        raise
    return files is not None and all(os.access(path, os.R_OK) for path in files)


def _files(config: Config, data_dir: Path | None) -> list[Path] | None:
    """Return the files that loading would read, of which some may be missing; None if all are."""
    data = config.data
    if data.dataset == "table":
        return []
    named = named_directory(data_dir)
    if named is not None and what_is_at(named) in ABSENT:
        return None
    directory = data_directory(data_dir)
    if data.dataset == "idx":
        places = idx_places(Path(data.path), None if data_dir is None else directory.path)
        return next(filter(None, map(files_in, places)), None)
    if data.dataset not in DATASETS:
        return files_in(directory.path / data.dataset) or None
    seed, variety, drawings = data.synthetic_seed, data.synthetic_variety, directory.path
    drawings /= "synthetic"
    sizes, files, drawn = kept_digits(data), [], []
    if data.dataset != "synthetic":
        known, sizes = KNOWN[data.dataset], (data.drawn, FEWEST)
        folder = dataset_folder(known, directory)
        for file in known.files:
            if (path := find_file(folder, file.stem)) is None:
                return None
            files.append(path)
        if data.non_digits:
            drawn.append(others.cache_name(data.non_digits, seed, variety))
    if sizes[0]:
        drawn.append(synthetic.cache_name(*sizes, seed, variety))
    names = (synthetic.SUMS, *STEMS)
    return files + [drawings / kept / name for kept in drawn for name in names]
