"""Put a data set into the data directory, whole or not at all."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bpnet.config.values import DATASET_NAME, DATASETS, GIVEN
from bpnet.data.classes import CLASSES_FILE
from bpnet.data.dataset import Dataset
from bpnet.data.files.directory import data_directory
from bpnet.data.files.disk import disk_errors
from bpnet.data.files.idx import write_idx
from bpnet.data.files.names import STEMS
from bpnet.data.imported import ORIGIN_FILE
from bpnet.disk import NOTHING, what_is_at
from bpnet.errors import ConfigError, DataError
from bpnet.files import write_text
from bpnet.version import __version__

UNFINISHED = ".import-"  # how the name of a folder begins in which files are being written
OWN = "my-"  # what the name of an import begins with where bpnet knows a data set of that name


def check_name(name: str) -> None:
    """Make sure that a data set of the user may have this name.

    Raises:
        ConfigError: it may not.
    """
    taken = (*DATASETS, *GIVEN)
    if not DATASET_NAME.fullmatch(name) or name in taken:
        raise ConfigError(
            "a data set of yours cannot have this name",
            where="--name",
            expected="at most 64 letters, digits and . _ -, but none of " + ", ".join(taken),
            found=name,
        )


def name_for(source: Path) -> str:
    """Return a name for what is imported: that of its file or folder, as far as it may be one."""
    stem = source.absolute().name
    while Path(stem).suffix.lower() in (".gz", ".csv", ".npz", ".npy", ".mat", ".txt", ".tsv"):
        stem = Path(stem).stem
    stem = re.sub(
        r"(^|[-_. ]+)(idx\d-)?(ubyte|train(ing)?|test(ing)?|t10k|images?|labels?)\b", "", stem
    )
    name = re.sub("[^A-Za-z0-9._-]+", "-", stem).strip("._-")[:50] or "data"
    return f"{OWN}{name}" if name in (*DATASETS, *GIVEN) else name


@contextmanager
def new_folder(name: str, data_dir: Path | None) -> Iterator[Path]:
    """Give a folder to write to, which becomes that of the data set once all is in it.

    Raises:
        DataError: there is a data set of that name, or the directory cannot be written.
    """
    directory = data_directory(data_dir).path
    target = directory / name
    demand_free(target)
    folder = directory / f"{UNFINISHED}{name}-{os.getpid()}"
    with disk_errors("write to the directory", directory):
        folder.mkdir(parents=True)
    try:
        yield folder
        with disk_errors("write to the directory", target):
            folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def demand_free(target: Path) -> None:
    """Make sure that there is nothing yet where a data set belongs.

    Raises:
        DataError: there is something, which is never overwritten.
    """
    if (found := what_is_at(target)) != NOTHING:
        raise DataError(
            "there is something of that name in the data directory",
            where=target,
            found=found,
            hint="choose another name with --name; `bpnet data clean NAME` removes an import",
        )


def write_dataset(folder: Path, dataset: Dataset, source: Path) -> None:
    """Write a data set as the four files that `dataset = idx` reads, its class names and origin.

    Raises:
        DataError: the disk is full, for example.
    """
    kind = np.uint8 if len(dataset.class_names) <= 256 else np.int32
    parts = (dataset.train, dataset.test)
    arrays = [array for part in parts for array in (part.inputs, part.targets.astype(kind))]
    for stem, array in zip(STEMS, arrays, strict=True):
        write_idx(folder / stem, array)
    with disk_errors("write the file", folder):
        write_text(folder / CLASSES_FILE, "\n".join(dataset.class_names) + "\n")
        origin = {"source": str(source.absolute()), "bpnet": __version__}
        write_text(folder / ORIGIN_FILE, json.dumps(origin, indent=2) + "\n")
