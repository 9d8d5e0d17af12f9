"""Change the ink of pictures: thicker or thinner strokes, a square cut out."""

import numpy as np
from numpy.typing import NDArray

EDGES = 2  # a stroke has two edges, so moving each by one pixel makes it two pixels wider
WHITE = np.uint8(255)
WHOLE_BITS = 8
WHOLE = 2**WHOLE_BITS  # the unit in which fractions of a change are counted
HALF = np.uint16(WHOLE // 2)


class StrokePen:
    """Redraw strokes with a thicker or a thinner pen.

    The brightest of a pixel and its four neighbours is a grey dilation, which moves every edge of
    a stroke outwards by one pixel; the darkest is an erosion. Fractions of a pixel are mixed:

        p ← p + (τ/2) (max − p) for a change of width τ ≥ 0,  p ← p + (|τ|/2) (min − p) for τ < 0,

    rounded to whole grey levels, with τ in whole 1/128 pixels. An erosion is a dilation of the
    negative, min p = 255 − max(255 − p), so that one pass does either.

    Source: Serra, "Image Analysis and Mathematical Morphology" (1982), for grey pictures.

    Args:
        picture_shape: height and width in pixels.
        max_pictures: the most pictures of one call.
    """

    def __init__(self, picture_shape: tuple[int, int], max_pictures: int) -> None:
        height, width = picture_shape
        framed = (max_pictures, height + 2, width + 2)
        self._framed = np.zeros(framed, dtype=np.uint8)  # the frame stays 0
        self._turned = np.zeros(framed, dtype=np.uint8)
        self._brightest = np.zeros(framed, dtype=np.uint8)
        self._change = np.zeros(framed, dtype=np.uint16)

    def redraw(
        self,
        images: NDArray[np.uint8],
        width_change: NDArray[np.float32],
        out: NDArray[np.integer],
    ) -> None:
        """Change the width of all strokes.

        Args:
            images: pictures (pictures, height, width).
            width_change: τ (pictures,) in pixels, from −2 to 2.
            out: pictures (pictures, height, width); overwritten.
        """
        count = len(images)
        framed, turned = self._framed[:count], self._turned[:count]
        brightest, change = self._brightest[:count], self._change[:count]
        framed[:, 1:-1, 1:-1] = images
        turn = np.where(width_change < 0, WHITE, np.uint8(0))[:, None, None]
        share = np.rint(np.abs(width_change) * (WHOLE / EDGES)).astype(np.uint16)[:, None, None]
        np.bitwise_xor(framed, turn, out=turned)
        _dilate(turned, out=brightest)
        np.subtract(brightest, turned, out=brightest)
        np.copyto(change, brightest)
        np.multiply(change, share, out=change)  # at most 255 · 256: it fits
        np.add(change, HALF, out=change)
        np.right_shift(change, WHOLE_BITS, out=change)
        np.copyto(brightest, change, casting="unsafe")
        np.add(turned, brightest, out=turned)
        np.bitwise_xor(turned, turn, out=turned)
        np.copyto(out, turned[:, 1:-1, 1:-1])


def _dilate(framed: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Set `out`, inside the frame, to the largest of each pixel and its four neighbours.

    Lines follow one another, so that a neighbour is a fixed number of places away.
    """
    pixels, line = framed.reshape(-1), framed.shape[2]
    last = len(pixels) - line
    largest = out.reshape(-1)[line:last]
    np.maximum(pixels[line:last], pixels[: last - line], out=largest)
    for away in (line, -1, 1):
        np.maximum(largest, pixels[line + away : last + away], out=largest)


def cut_squares(images: NDArray[np.uint8], side: int, centres: NDArray[np.float64]) -> None:
    """Set one square per picture to 0, in place; what lies outside the picture is ignored.

    Args:
        images: pictures (pictures, height, width).
        side: pixels along each side of the square.
        centres: row and column (pictures, 2) of the square's centre, in 0–1 of the picture.

    Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with
    Cutout" (2017).
    """
    covered = []
    for axis, size in enumerate(images.shape[1:]):
        first = np.floor(centres[:, axis, None] * size) - side // 2
        pixels = np.arange(size)
        covered.append((pixels >= first) & (pixels < first + side))
    rows, columns = covered
    images *= ~(rows[:, :, None] & columns[:, None, :])
