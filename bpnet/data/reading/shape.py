"""Find the one thing that a picture shows on a plain background: a garment, a leaf, a sign."""

import numpy as np

from bpnet.data.reading.image import BLANK, Box, DigitPicture
from bpnet.data.reading.picture import Colours
from bpnet.data.reading.resample import Plane, percentiles, resample

FAINTEST = 0.045  # contrast of what is seen at all
SEEN = 0.1  # of the strongest contrast
PLAIN = 0.6  # of the rim must be background
STRETCHED = 1.25  # times as wide or as high as it was

CROWDED = "the background is not plain, so the whole picture was taken for what it shows"
WHOLE = "the training pictures have no plain background, so the whole picture was read"


def shape_in(picture: Colours) -> DigitPicture:
    """Find what stands out from the background of a picture (height, width, 3) of 0–1.

    The background's colour is the middle one of those along the rim. What differs from it, in
    whatever direction, counts as ink.

    Returns:
        The ink and its box, without pixels; no ink if there is nothing to be seen.
    """
    background = [percentiles(around(picture[:, :, channel]), 50)[0] for channel in range(3)]
    contrast: Plane = np.abs(picture - np.array(background, np.float32)).max(axis=2)
    strongest = float(contrast.max())
    if strongest < FAINTEST:
        return DigitPicture(None, picture, np.zeros_like(contrast), warnings=[BLANK])
    seen = contrast > SEEN * strongest
    warnings = []
    if 1 - around(seen).mean() < PLAIN:
        seen[:], warnings = True, [CROWDED]
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    box = Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    return DigitPicture(None, picture, np.where(seen, contrast / strongest, 0), box, warnings)


def around(plane: np.ndarray) -> np.ndarray:
    """Return what lies on the rim of a picture (height, width)."""
    return np.concatenate([plane[0], plane[-1], plane[1:-1, 0], plane[1:-1, -1]])


def whole_picture(picture: Colours, frame: tuple[int, int]) -> DigitPicture:
    """Resample a picture (height, width, 3) of 0–1, as it is, to greys of this size."""
    grey = picture.mean(axis=2)
    height, width = grey.shape
    pixels = np.rint(resample(grey, *frame) * 255).astype(np.uint8)
    stretched = (width / frame[1]) / (height / frame[0])
    warnings = [WHOLE]
    if not 1 / STRETCHED <= stretched <= STRETCHED:
        warnings.append(f"its proportions were changed to {frame[1]}×{frame[0]}")
    return DigitPicture(pixels, picture, grey, Box(0, height, 0, width), warnings)
