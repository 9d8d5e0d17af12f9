"""Draw the example pictures that ship with the package: generated digits, as if photographed.

    python scripts/draw_examples.py

Each is written to bpnet/assets: dark ink on grainy ruled paper in uneven light.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bpnet.data.synthetic import draw_digits

ASSETS = Path(__file__).parent.parent / "bpnet" / "assets"
SEED = 20
ENLARGED = 8  # pixels for each pixel of a drawn digit
PEN = np.array([40, 50, 110])
PAPER = np.array([226, 220, 205])
EXAMPLES = {"three": "3", "seven": "7", "nine": "9", "year": "1998"}


def enlarge(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return ink of 0–1 with smooth edges, many pixels for each pixel of the picture."""
    size = ENLARGED * picture.shape[0]
    image = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC)
    ink = np.asarray(image, dtype=np.float64) / 255
    return np.clip(4 * (ink - 0.35), 0, 1)


def photograph(ink: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return colours (height, width, 3) of ink on ruled paper in light from one corner."""
    height, width = ink.shape
    rows, columns = np.mgrid[:height, :width]
    light = 1.05 - 0.45 * (rows / height + columns / width) / 2
    lines = (rows % 56 < 2) * 0.25
    grain = rng.normal(0, 0.02, (height, width))
    cover = (0.85 * ink)[..., None]
    paper = PAPER * (1 - lines[..., None] * np.array([1, 0.6, 0.2]))
    colours = (paper * (1 - cover) + PEN * cover) * (light + grain)[..., None]
    pixels: NDArray[np.uint8] = np.rint(np.clip(colours, 0, 255)).astype(np.uint8)
    return pixels


def main() -> None:
    """Write all examples."""
    rng = np.random.default_rng(SEED)
    for name, text in EXAMPLES.items():
        labels = np.array([int(character) for character in text])
        pictures, _ = draw_digits(labels, SEED, variety=0.6, workers=1)
        ink = np.concatenate([enlarge(picture) for picture in pictures], axis=1)
        colours = photograph(np.pad(ink, 30), rng)
        Image.fromarray(colours).save(ASSETS / f"{name}.jpg", quality=80)


if __name__ == "__main__":
    main()
