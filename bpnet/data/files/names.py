"""Name the four files of a data set in MNIST's format, in every spelling."""

from pathlib import Path

from bpnet.data.files.disk import disk_errors

STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def spellings(stem: str) -> list[str]:
    """Return the names that a file may have, raw ones first as they load faster."""
    dotted = stem.replace("-idx", ".idx")
    return [stem, dotted, f"{stem}.gz", f"{dotted}.gz"]


def spellings_of_all() -> list[str]:
    """Return the names that the four files of a data set may have."""
    return [name for stem in STEMS for name in spellings(stem)]


def find_file(folder: Path, stem: str) -> Path | None:
    """Return the path of a file in any of its spellings, or None."""
    with disk_errors("look into the directory", folder):
        return next((folder / name for name in spellings(stem) if (folder / name).exists()), None)
