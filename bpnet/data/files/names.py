"""Name the four files of a data set in MNIST's format, in every spelling."""

import re
from pathlib import Path

from bpnet.data.files.disk import disk_errors

STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IMAGES, LABELS = "(?=.*(image|img|picture))", "(?=.*(label|lbl|target))"
TEST = "(?=.*(t10k|test))"
MEANT = dict(
    zip(
        STEMS,
        ("(?=.*train)" + IMAGES, "(?=.*train)" + LABELS, TEST + IMAGES, TEST + LABELS),
        strict=True,
    )
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


def meant_by(name: str) -> str | None:
    """Return which of the four files a name such as `emnist-letters-test-labels.gz` stands for."""
    parts = [stem for stem, pattern in MEANT.items() if re.search(pattern, name.lower())]
    return parts[0] if len(parts) == 1 else None


def likely_files(*folders: Path) -> dict[str, list[str]]:
    """Return, for each of the four files, the names in some folders that seem to stand for it."""
    found: dict[str, list[str]] = {stem: [] for stem in STEMS}
    for folder in filter(Path.is_dir, folders):
        with disk_errors("look into the directory", folder):
            for path in sorted(folder.iterdir()):
                stem = meant_by(path.name)
                if stem is not None and path.is_file():
                    found[stem].append(path.name)
    return found
