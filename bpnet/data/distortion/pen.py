"""Change the ink of pictures in place: thicker or thinner strokes, a piece cut out."""

import numpy as np
from numpy.typing import NDArray

EDGES = 2  # a stroke has two edges, so moving each by one pixel makes it two pixels wider


class StrokePen:
    """Redraw strokes with a thicker or a thinner pen.

    The brightest of a pixel and its four neighbours is a grey dilation, which moves every edge of
    a stroke outwards by one pixel; the darkest is an erosion. Fractions of a pixel are mixed:

        p ← p + (τ/2) (max − p) for a change of width τ ≥ 0,  p ← p + (|τ|/2) (min − p) for τ < 0.

    Source: Serra, "Image Analysis and Mathematical Morphology" (1982), for grey pictures.

    Args:
        picture_shape: height and width in pixels.
        max_pictures: the most pictures of one call.
    """

    def __init__(self, picture_shape: tuple[int, int], max_pictures: int) -> None:
        self._changes = np.empty((2, max_pictures, *picture_shape), dtype=np.float32)

    def redraw(self, framed: NDArray[np.float32], width_change: NDArray[np.float32]) -> None:
        """Change the width of all strokes, in place.

        Args:
            framed: pictures (pictures, height + 2, width + 2) in a frame of zeros, which stays.
            width_change: τ (pictures,) in pixels, from −2 to 2.
        """
        share = (width_change / EDGES)[:, None, None]
        thicker, thinner = self._changes[:, : len(framed)]
        _change_to_extreme(np.maximum, framed, np.maximum(share, 0), out=thicker)
        _change_to_extreme(np.minimum, framed, np.maximum(-share, 0), out=thinner)
        inside = framed[:, 1:-1, 1:-1]
        inside += thicker
        inside += thinner


def _change_to_extreme(
    extreme: np.ufunc,
    framed: NDArray[np.float32],
    share: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Set `out` to share · (extreme of each pixel and its four neighbours − pixel)."""
    inside = framed[:, 1:-1, 1:-1]
    np.copyto(out, inside)
    for neighbour in (
        framed[:, :-2, 1:-1],
        framed[:, 2:, 1:-1],
        framed[:, 1:-1, :-2],
        framed[:, 1:-1, 2:],
    ):
        extreme(out, neighbour, out=out)
    out -= inside
    out *= share


def cut_squares(images: NDArray[np.uint8], side: int, centres: NDArray[np.float64]) -> None:
    """Set one square per picture to 0, in place; what lies outside the picture is cut off.

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
