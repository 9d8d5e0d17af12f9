"""Draw how a picture became a digit and the digit an answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bpnet.data.reading.image import DigitPicture
from bpnet.errors import escaped, shorten

PANEL = 224  # pixels: eight for each pixel of the digit
MARGIN = 16
LINE = 22  # of text
TITLES = ("the picture", "its ink", "as the network sees it", "probabilities")
WIDTH = MARGIN + len(TITLES) * (PANEL + MARGIN)
MOST_BARS, LONGEST_NAME = 11, 10  # classes (ten digits, and none), letters
LONGEST = WIDTH // 8  # letters in a line


def draw_row(
    digit: DigitPicture,
    probabilities: NDArray[np.floating] | None,
    class_names: Sequence[str],
    heading: Sequence[str],
) -> Image.Image:
    """Draw one digit: the picture, its ink, the digit as the network sees it, the answer.

    Args:
        digit: what was found in a picture.
        probabilities: of its classes; None where the picture is blank.
        class_names: one per probability.
        heading: lines above: file, answer, warnings.
    """
    top = MARGIN + LINE * len(heading)
    row = Image.new("RGB", (WIDTH, top + LINE + PANEL), "white")
    draw = ImageDraw.Draw(row)
    for number, line in enumerate(heading):
        draw.text((MARGIN, MARGIN + LINE * number), _drawable(line), fill="black", font=_font())
    panels = [
        _panel(digit.picture),
        _panel(1 - digit.ink),
        _panel(np.zeros((28, 28)) if digit.pixels is None else digit.pixels / 255),
        _bars(probabilities, class_names),
    ]
    for place, (title, panel) in enumerate(zip(TITLES, panels, strict=True)):
        left = MARGIN + place * (PANEL + MARGIN)
        draw.text((left, top), title, fill="dimgrey", font=_font())
        row.paste(panel, (left, top + LINE))
    return row


@lru_cache(maxsize=1)
def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(15)


def _drawable(text: str) -> str:
    """Return a text with what the font cannot draw written out, short enough for a line."""
    shown = escaped(text).encode("ascii", "backslashreplace").decode("ascii")
    return shorten(shown, LONGEST).replace("…", "...")


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
    """Return a panel with one bar per class; of many classes, for the most probable ones."""
    panel = Image.new("RGB", (PANEL, PANEL), "white")
    draw = ImageDraw.Draw(panel)
    if probabilities is None:
        draw.text((0, PANEL // 2), "nothing to read", fill="black", font=_font())
        return panel
    best = (-probabilities).argsort(kind="stable")[:MOST_BARS]
    shown = sorted(best) if len(class_names) <= MOST_BARS else best
    names = [_drawable(class_names[place][:LONGEST_NAME]) for place in shown]
    left = 12 + max(draw.textlength(name, font=_font()) for name in names)
    longest = PANEL - left - 44  # room for the number behind a bar
    height = PANEL / len(shown)
    for row, (name, place) in enumerate(zip(names, shown, strict=True)):
        top, probability = row * height, float(probabilities[place])
        draw.text((0, top), name, fill="black", font=_font())
        end = left + longest * probability
        draw.rectangle((left, top + 3, end, top + height - 3), fill="steelblue")
        draw.text((end + 4, top), f"{100 * probability:.1f}", fill="black", font=_font())
    return panel
