"""Draw what each setting of `[augment]` does, for configs/README.md.

    python scripts/draw_distortions.py

One row per setting: the same drawn digits, as they are and as an epoch would show them.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bpnet.config.data_settings import AugmentConfig
from bpnet.data.distortion.augment import Augmenter
from bpnet.data.synthetic import draw_digits

TARGET = Path(__file__).parent.parent / "bpnet" / "assets" / "figures" / "distortions.png"
ROWS: dict[str, dict[str, float]] = {
    "as it is": {},
    "shift = 3": {"shift": 3},
    "rotate = 15": {"rotate": 15},
    "scale = 0.2": {"scale": 0.2},
    "shear = 15": {"shear": 15},
    "elastic_alpha = 34": {"elastic_alpha": 34},
    "thickness = 1": {"thickness": 1},
    "cutout = 10": {"cutout": 10},
    "flip = yes": {"flip": True},
}
DIGITS = np.arange(10)
SEED = 3
ENLARGED = 2
GAP = 4  # pixels around a digit
LABEL = 170  # pixels for the name of a row
INK, PAPER = 20, 255


def distort(pictures: NDArray[np.uint8], settings: dict[str, float]) -> NDArray[np.uint8]:
    """Return the pictures (pictures, height, width) as the first epoch shows them."""
    config = AugmentConfig(**settings)  # type: ignore[arg-type]
    seen = np.empty_like(pictures)
    shape = (pictures.shape[1], pictures.shape[2])
    augment = Augmenter(config, shape, SEED, len(pictures))
    augment(pictures, np.arange(len(pictures)), 0, out=seen)
    return seen


def strip(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the pictures side by side, enlarged, dark on light, framed by a thin line."""
    framed = [np.pad(255 - picture, 1, constant_values=210) for picture in pictures]
    spaced = [np.pad(picture, GAP // 2, constant_values=PAPER) for picture in framed]
    row: NDArray[np.uint8] = np.concatenate(spaced, axis=1)
    return row.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)


def main() -> None:
    """Write the figure."""
    pictures, _ = draw_digits(DIGITS, SEED, variety=0.5, workers=1)
    strips = [strip(distort(pictures, settings)) for settings in ROWS.values()]
    height, width = strips[0].shape
    sheet = Image.new("L", (LABEL + width, height * len(strips)), PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    for number, (name, row) in enumerate(zip(ROWS, strips, strict=True)):
        pen.text((8, height * number + height // 2), name, fill=INK, font=font, anchor="lm")
        sheet.paste(Image.fromarray(row), (LABEL, height * number))
    sheet.save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
