"""Read IDX files of other names than MNIST's, as EMNIST and QMNIST have."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bpnet.data.files.disk import disk_errors
from bpnet.data.files.idx import GZIP_MAGIC, read_idx
from bpnet.data.importing.found import Found, Labelled, Wanted
from bpnet.data.importing.labels import to_labels
from bpnet.data.importing.named_arrays import PARTS, TRAIN, demand_one_each, part_of, with_parts
from bpnet.data.importing.pixels import to_pictures
from bpnet.errors import DataError

KINDS = ("image", "img", "label", "lbl")


def looks_like_idx(path: Path) -> bool:
    """Return whether a file is named as IDX files are, or begins as they do."""
    name = path.name.lower()
    if "idx" in name or "ubyte" in name:
        return True
    if part_of(name) is None or not any(kind in name for kind in KINDS):
        return False
    with disk_errors("read the file", path), path.open("rb") as file:
        start = file.read(3)
    return start[:2] in (b"\0\0", GZIP_MAGIC) and path.suffix.lower() in ("", ".gz")


def read_idx_files(files: Sequence[Path], wanted: Wanted) -> Found:
    """Return the samples in the IDX files of one data set.

    Raises:
        DataError: a file is damaged or missing, or pictures and labels do not belong together.
    """
    where = files[0].parent
    arrays: dict[tuple[str, int], NDArray[Any]] = {}
    kinds: list[tuple[str, str]] = []
    for path in files:
        array = read_idx(path)
        is_labels = "label" in path.name.lower() or "lbl" in path.name.lower()
        if is_labels == (array.ndim >= 3):
            raise DataError(
                "a file holds what another one should: pictures and labels are swapped",
                where=path,
                expected="labels" if is_labels else "pictures",
                found=f"an array of shape {array.shape}",
                hint="give each file the other's name",
            )
        arrays[part_of(path.name.lower()) or TRAIN, is_labels] = array
        role = "labels" if is_labels else "pictures"
        kinds.append((f"{role} of {part_of(path.name.lower()) or TRAIN}", path.name))
    demand_one_each(kinds, where)
    parts = [part for part in PARTS if (part, False) in arrays and (part, True) in arrays]
    if TRAIN not in parts:
        raise DataError(
            "pictures or labels to train on are missing",
            where=where,
            expected="files such as train-images-idx3-ubyte and train-labels-idx1-ubyte",
            found=", ".join(path.name for path in files),
        )
    images, note = to_pictures([arrays[part, False] for part in parts], wanted.size, where)
    samples = {}
    for part, pictures in zip(parts, images, strict=True):
        labels = arrays[part, True]
        if labels.ndim == 2 and labels.shape[1] > 1:
            labels = labels[:, 0]  # QMNIST's other columns tell who wrote the digit
        samples[part] = Labelled(pictures, to_labels(labels, where))
        if len(pictures) != len(labels):
            raise DataError(
                f"pictures and labels of {part} do not belong together",
                where=where,
                expected=f"as many labels as pictures: {len(pictures)}",
                found=len(labels),
            )
    return with_parts(samples, [note] if note else [])
