"""Show a few pictures of every class: as a sheet in a file, and as text for a terminal."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bpnet.data.dataset import Dataset
from bpnet.data.files.disk import disk_errors
from bpnet.errors import escaped, shorten
from bpnet.files import atomic_write

COLUMNS = 12  # pictures of a class on the sheet
MOST_ROWS = 200  # classes on the sheet
CELL, MARGIN, NAMES = 56, 4, 160  # pixels
SHADES = " .:-=+*#%@"  # from black to white
WIDTH, HEIGHT = 14, 7  # letters of a picture, which are twice as high as wide
ACROSS = 5  # pictures beside each other in a text
MOST_SHOWN = 20  # classes in a text


def write_contact_sheet(dataset: Dataset, path: Path) -> None:
    """Write a PNG with a row of training pictures for each class, its name before them.

    Raises:
        DataError: the file cannot be written.
    """
    names = dataset.class_names[:MOST_ROWS]
    size = (NAMES + COLUMNS * (CELL + MARGIN), len(names) * (CELL + MARGIN) + MARGIN)
    sheet = Image.new("RGB", size, "lightsteelblue")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for row, name in enumerate(names):
        top = MARGIN + row * (CELL + MARGIN)
        draw.text((MARGIN, top + CELL // 3), shorten(escaped(name), 18), fill="black", font=font)
        for column, picture in enumerate(examples(dataset, row, COLUMNS)):
            sheet.paste(thumbnail(picture), (NAMES + column * (CELL + MARGIN), top))
    with disk_errors("write the contact sheet", path), atomic_write(path) as file:
        sheet.save(file, format="PNG")


def text_sheet(dataset: Dataset) -> list[str]:
    """Return lines that show a training picture of each class, drawn with letters."""
    lines: list[str] = []
    names = dataset.class_names[:MOST_SHOWN]
    for start in range(0, len(names), ACROSS):
        shown = range(start, min(start + ACROSS, len(names)))
        lines += ["", "  ".join(shorten(escaped(names[n]), WIDTH).ljust(WIDTH) for n in shown)]
        pictures = [letters(picture) for n in shown for picture in examples(dataset, n, 1)]
        lines += ["  ".join(rows) for rows in zip(*pictures, strict=True)]
    more = len(dataset.class_names) - len(names)
    return [line.rstrip() for line in lines] + ([f"and {more:,} more classes"] if more else [])


def examples(dataset: Dataset, label: int, count: int) -> NDArray[np.uint8]:
    """Return some training pictures of a class, spread over all of them."""
    numbers = np.flatnonzero(dataset.train.targets == label)
    chosen = numbers[np.linspace(0, len(numbers) - 1, min(count, len(numbers))).astype(np.int64)]
    pictures: NDArray[np.uint8] = dataset.train.inputs[chosen]
    return pictures


def thumbnail(picture: NDArray[np.uint8]) -> Image.Image:
    """Return a picture that fits into its cell."""
    image = Image.fromarray(picture)
    factor = CELL / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    how = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
    return image.resize(size, how)


def letters(picture: NDArray[np.uint8]) -> list[str]:
    """Return a picture as lines of letters, the brighter the fuller."""
    image = Image.fromarray(picture).resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    shades = np.asarray(image).astype(np.int64) * len(SHADES) // 256
    return ["".join(SHADES[shade] for shade in row) for row in shades]
