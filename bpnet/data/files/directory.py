"""Find where data sets are kept on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from bpnet.data.files.disk import disk_errors


@dataclass(frozen=True)
class DataDirectory:
    """Name the directory that holds data sets.

    Args:
        path: an absolute path; the directory may not exist yet.
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


def data_directory(named: Path | None = None) -> DataDirectory:
    """Return the directory `named`, else BPNET_DATA_DIR, else the user's cache directory."""
    chosen = named or os.environ.get("BPNET_DATA_DIR")
    if chosen:
        return DataDirectory(Path(chosen).expanduser().absolute(), is_own=False)
    cache = platformdirs.user_cache_path("bpnet", appauthor=False)
    return DataDirectory(cache.absolute(), is_own=True)
