"""Draw digits instead of downloading them, and keep them once drawn."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Dataset
from bpnet.data.drawing.handwriting import Handwriting, Variation
from bpnet.data.files.disk import disk_errors
from bpnet.data.files.idx import content_sha256, read_idx, write_idx
from bpnet.data.files.names import STEMS
from bpnet.data.idx_folder import as_dataset
from bpnet.data.placement import BOX, PICTURE, centre_in_pictures, centring_offsets
from bpnet.errors import DataError
from bpnet.files import write_text
from bpnet.seeding import derive_rng

VERSION = 7  # raise it with every change that draws different pictures for the same seed
BLOCK = 256  # pictures drawn together: one pass over their boxes stays in the processor's cache
SUMS = "sha256sums"
CLASS_NAMES = tuple("0123456789")

Drawn = Callable[[int], None]


def draw_digits(
    labels: NDArray[np.integer] | int,
    seed: int,
    *,
    purpose: str = "digits",
    variety: float = 1.0,
    workers: int | None = None,
    progress: Drawn | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw handwritten digits, each written, sized and placed as MNIST's are.

    A picture follows from the labels, the seed and the purpose alone, not from the workers.

    Args:
        labels: the digits to draw (pictures,), or how many: then all ten are equally frequent.
        seed: 0 or above; every seed gives different pictures.
        purpose: pictures for different purposes differ under the same seed.
        variety: how much writers differ; see `Variation.scaled`.
        workers: threads; as many as there are processors if None.
        progress: called with the number of pictures drawn since its last call.

    Returns:
        Pictures (pictures, 28, 28), ink bright on black, and their digits (pictures,).
    """
    if isinstance(labels, int):
        labels = derive_rng(seed, f"{purpose}, labels").permutation(np.arange(labels) % 10)
    digits: NDArray[np.int64] = labels.astype(np.int64)
    hand = hand_of(variety)
    images = np.empty((len(digits), PICTURE, PICTURE), dtype=np.uint8)

    def draw_block(start: int) -> int:
        part = slice(start, start + BLOCK)
        images[part] = write_digits(digits[part], hand, derive_rng(seed, purpose, start // BLOCK))
        return len(images[part])

    for drawn in on_threads(draw_block, range(0, len(digits), BLOCK), workers):
        if progress is not None:
            progress(drawn)
    return images, digits


def load_synthetic(
    directory: Path,
    train_size: int,
    test_size: int,
    seed: int,
    *,
    variety: float = 1.0,
    workers: int | None = None,
    progress: Drawn | None = None,
) -> Dataset:
    """Load drawn digits from the cache; draw them first if they are missing or damaged.

    Args:
        directory: where the folder with this set is, or will be made.
        train_size: number of training pictures.
        test_size: number of test pictures, which share no random draw with the training ones.
        seed: 0 or above; every seed gives a different set.
        variety: how much writers differ; see `Variation.scaled`.
        workers: threads that draw; as many as there are processors if None.
        progress: called with the number of pictures drawn since its last call.

    Raises:
        DataError: the directory cannot be written.
    """
    folder = directory / cache_name(train_size, test_size, seed, variety)
    arrays = read_drawn(folder)
    if arrays is None:
        arrays = [
            array
            for part, size in (("train", train_size), ("test", test_size))
            for array in draw_digits(
                size,
                seed,
                purpose=f"synthetic {part}",
                variety=variety,
                workers=workers,
                progress=progress,
            )
        ]
        write_drawn(folder, arrays)
    return as_dataset("synthetic", arrays, CLASS_NAMES)


def is_drawn(directory: Path, train_size: int, test_size: int, seed: int, variety: float) -> bool:
    """Return whether the cache holds these digits, whole, so that nothing would be drawn."""
    name = cache_name(train_size, test_size, seed, variety)
    return read_drawn(directory / name) is not None


def cache_name(train_size: int, test_size: int, seed: int, variety: float) -> str:
    """Return the name of the folder that keeps a drawn set."""
    return f"v{VERSION}-{train_size}-{test_size}-seed{seed}-variety{variety:g}"


def write_digits(
    digits: NDArray[np.int64], hand: Handwriting, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return one picture (pictures, 28, 28) of each digit, all written at once."""
    return centre_in_pictures(_write_boxes(hand, digits, rng))


def _write_boxes(
    hand: Handwriting, digits: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return ink (pictures, 20, 20) that can be centred like MNIST's.

    One digit in ten thousand is so heavy on one side that it would have to leave the picture;
    MNIST has none of these, so they are written again. Greys are rounded first, so that the
    finished picture is what is centred.
    """
    boxes = np.empty((len(digits), BOX, BOX), dtype=np.float32)
    missing = np.arange(len(digits))
    while len(missing):
        ink = hand.write(hand.choose_styles(digits[missing], rng), rng)
        boxes[missing] = np.rint(np.moveaxis(ink, -1, 0) * 255) / 255
        offsets = centring_offsets(boxes[missing])
        missing = missing[((offsets < 0) | (offsets > PICTURE - BOX)).any(axis=0)]
    return boxes


@lru_cache(maxsize=2)
def hand_of(variety: float) -> Handwriting:
    """Return the handwriting of a data set; preparing its curves takes some time."""
    return Handwriting(variation=Variation().scaled(variety))


def on_threads(
    task: Callable[[int], int], items: Iterable[int], workers: int | None
) -> Iterable[int]:
    """Yield the results in order; a single worker is the calling thread."""
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        yield from map(task, items)
    else:
        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(task, items)


def read_drawn(folder: Path) -> list[NDArray[Any]] | None:
    """Return the arrays of a folder if all its files match their checksums, else None.

    Raises:
        DataError: this user may not read them.
    """
    place = folder / SUMS
    try:
        with disk_errors("read the file", place):
            sums = place.read_text(encoding="ascii").split()
        arrays = [read_idx(folder / stem) for stem in STEMS]
    except (UnicodeDecodeError, DataError) as error:
        if isinstance(error.__cause__, PermissionError):  # nor could they be replaced
            raise
        return None
    return arrays if sums == [content_sha256(array) for array in arrays] else None


def write_drawn(folder: Path, arrays: list[NDArray[Any]]) -> None:
    """Write the arrays as IDX files, and their checksums."""
    arrays = [array.astype(np.uint8) for array in arrays]
    with disk_errors("write to the directory", folder):
        folder.mkdir(parents=True, exist_ok=True)
        for stem, array in zip(STEMS, arrays, strict=True):
            write_idx(folder / stem, array)
        write_text(folder / SUMS, "\n".join(map(content_sha256, arrays)) + "\n")
