"""Draw how a picture became a digit and the digit an answer."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bpnet.data.reading.image import DigitPicture
from bpnet.errors import DataError
from bpnet.files import atomic_write

PANEL = 224  # pixels: eight for each pixel of the digit
MARGIN = 16
CAPTION = 28
TITLES = ("the picture", "its ink", "as MNIST shows it", "probabilities")


def draw_explanation(
    rows: Sequence[tuple[DigitPicture, NDArray[np.floating] | None]],
    class_names: Sequence[str],
    path: Path,
) -> None:
    """Write a PNG with one row per digit: the picture, its ink, the 28×28 digit, the answer.

    Args:
        rows: each digit with its class probabilities; None for a blank picture.
        class_names: one per probability.
        path: the file to write, replaced in one step.

    Raises:
        DataError: the file cannot be written.
    """
    width = MARGIN + len(TITLES) * (PANEL + MARGIN)
    sheet = Image.new("RGB", (width, MARGIN + len(rows) * (PANEL + CAPTION + MARGIN)), "white")
    for number, (digit, probabilities) in enumerate(rows):
        top = MARGIN + number * (PANEL + CAPTION + MARGIN)
        panels = [
            _panel(digit.picture),
            _panel(1 - digit.ink),
            _panel(np.zeros((28, 28)) if digit.pixels is None else digit.pixels / 255),
            _bars(probabilities, class_names),
        ]
        for place, (title, panel) in enumerate(zip(TITLES, panels, strict=True)):
            left = MARGIN + place * (PANEL + MARGIN)
            ImageDraw.Draw(sheet).text((left, top), title, fill="black", font=_font())
            sheet.paste(panel, (left, top + CAPTION))
    try:
        with atomic_write(path) as file:
            sheet.save(file, format="PNG")
    except OSError as error:
        raise DataError(
            "the explanation cannot be written",
            where=path,
            found=error.strerror or str(error),
            hint="choose another place with --explain",
        ) from error


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(15)


def _panel(values: NDArray[np.floating]) -> Image.Image:
    """Return values of 0–1, grey or in colours, as a square panel, aspect kept."""
    pixels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(pixels).convert("RGB")
    scale = PANEL / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    panel = Image.new("RGB", (PANEL, PANEL), "lightgrey")
    panel.paste(image.resize(size, how), ((PANEL - size[0]) // 2, (PANEL - size[1]) // 2))
    return panel


def _bars(probabilities: NDArray[np.floating] | None, class_names: Sequence[str]) -> Image.Image:
    """Return a panel with one bar per class."""
    panel = Image.new("RGB", (PANEL, PANEL), "white")
    draw = ImageDraw.Draw(panel)
    if probabilities is None:
        draw.text((0, PANEL // 2), "no digit", fill="black", font=_font())
        return panel
    height = PANEL / len(class_names)
    longest = PANEL - 80
    for row, (name, probability) in enumerate(zip(class_names, probabilities, strict=True)):
        top = row * height
        draw.text((0, top), name[:3], fill="black", font=_font())
        end = 28 + longest * float(probability)
        draw.rectangle((28, top + 3, end, top + height - 3), fill="steelblue")
        draw.text((end + 4, top), f"{100 * probability:.1f}", fill="black", font=_font())
    return panel
