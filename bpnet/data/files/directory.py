"""Find where data sets are kept on this machine."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from bpnet.data.files.disk import disk_errors
from bpnet.disk import DIRECTORY, NOTHING, NUL, what_is_at
from bpnet.errors import DataError


@dataclass(frozen=True)
class DataDirectory:
    """Name the directory that holds data sets.

    Args:
        path: an absolute path; bpnet's own cache may not exist yet.
        is_own: it is bpnet's cache, where damaged files may be replaced; in a directory that
            the user named, nothing is ever overwritten.
    """

    path: Path
    is_own: bool

    def folder(self, dataset: str, file_names: list[str]) -> Path:
        """Return the folder in which the files of a data set are, or should be put.

        That is the folder named after the data set; or, where the user named the directory and
        the files are in it without such a folder, the directory itself.
        """
        own_folder = self.path / dataset
        places = [own_folder] if self.is_own else [own_folder, self.path]
        with disk_errors("look into the directory", self.path):
            for place in places:
                if any((place / name).exists() for name in file_names):
                    return place
        return own_folder


def cache_directory() -> Path:
    """Return bpnet's own directory among the user's caches; it need not exist."""
    return platformdirs.user_cache_path("bpnet", appauthor=False).absolute()


def data_directory(named: Path | None = None) -> DataDirectory:
    """Return the directory `named`, else BPNET_DATA_DIR, else the user's cache directory.

    Raises:
        DataError: the user named a directory that does not exist, perhaps by a typing error.
    """
    path = named_directory(named)
    if path is None:
        return DataDirectory(cache_directory(), is_own=True)
    found = what_is_at(path)
    if found not in (DIRECTORY, NOTHING):
        raise DataError(
            "this cannot be the data directory",
            where=path,
            expected=DIRECTORY,
            found=found,
            hint="check --data-dir or BPNET_DATA_DIR",
        )
    if found == NOTHING:
        raise DataError(
            "the data directory does not exist",
            where=path,
            expected=DIRECTORY,
            found=found,
            hint="check --data-dir or BPNET_DATA_DIR, create the directory, or have it made with",
            command=("data", "fetch", "--data-dir", str(path)),
        )
    return DataDirectory(path, is_own=False)


def make_data_directory(named: Path | None = None) -> None:
    """Make the directory that the user named, if any.

    Raises:
        DataError: it cannot be made.
    """
    path = named_directory(named)
    if path is not None and what_is_at(path) != DIRECTORY:
        with disk_errors("make the directory", path):
            path.mkdir(parents=True, exist_ok=True)


def named_directory(named: Path | None) -> Path | None:
    """Return the absolute path of the directory `named`, else of BPNET_DATA_DIR, if either is."""
    chosen = named or os.environ.get("BPNET_DATA_DIR")
    if not chosen:
        return None
    path = Path(chosen)
    if "\0" in str(path):
        raise DataError("there can be no such directory", where=path, found=NUL)
    with suppress(RuntimeError):  # there is no user of that name: then it is no name of a user
        path = path.expanduser()
    with disk_errors("find the directory", path):
        return path.absolute()
