"""Resample pictures at sub-pixel points."""

import numpy as np
from numpy.typing import NDArray

MAX_PADDED_PIXELS = 2**24  # up to here float32 counts pixels exactly


class BilinearSampler:
    """Read pictures between their pixels.

    With ⌊y⌋ = i, y − i = f, ⌊x⌋ = j and x − j = g the value at (y, x) is

        p = (1−f) [(1−g) p_{i,j} + g p_{i,j+1}] + f [(1−g) p_{i+1,j} + g p_{i+1,j+1}].

    Outside the picture all pixels are 0. A caller puts pictures into `source(n)` and points into
    `grid(n)`, then calls `sample`. Everything is allocated here, once; so a sampler belongs to
    one thread.

    Args:
        picture_shape: height and width in pixels.
        max_pictures: the most pictures of one call.
    """

    def __init__(self, picture_shape: tuple[int, int], max_pictures: int) -> None:
        height, width = picture_shape
        # One line of zeros before a picture and two behind: a point outside is moved to −1 or
        # `height`, and its lower right neighbour is still in memory.
        padded = (height + 3, width + 3)
        if padded[0] * padded[1] > MAX_PADDED_PIXELS:
            raise ValueError(f"pictures of {height}×{width} pixels are too large to resample")
        self._height, self._width = height, width
        self._padded = np.zeros((max_pictures, *padded), dtype=np.float32)
        self._first = np.arange(max_pictures)[:, None, None] * (padded[0] * padded[1])
        self._grid = np.empty((2, max_pictures, height, width), dtype=np.float32)
        self._corner = np.empty_like(self._grid)
        self._index = np.empty((max_pictures, height, width), dtype=np.intp)
        self._values = np.empty((3, max_pictures, height, width), dtype=np.float32)

    def source(self, count: int) -> NDArray[np.float32]:
        """Return where the pixels (count, height, width) of the next call go."""
        return self.framed(count)[:, 1:-1, 1:-1]

    def framed(self, count: int) -> NDArray[np.float32]:
        """Return `source` with its frame of zeros (count, height + 2, width + 2)."""
        return self._padded[:count, :-1, :-1]

    def grid(self, count: int) -> NDArray[np.float32]:
        """Return where the points of the next call go: rows and columns (2, count, height, width).

        Point (i, j) is where output pixel (i, j) is read from, in pixels of the source.
        """
        return self._grid[:, :count]

    def sample(self, count: int, out: NDArray[np.uint8]) -> None:
        """Read the first `count` pictures at their grid, rounded to whole grey levels.

        Args:
            count: number of pictures.
            out: pictures (count, height, width); overwritten. The grid is used up.
        """
        index = self._locate(count)
        flat = self._padded.reshape(-1)
        below = self._padded.shape[2]
        down, right = self._grid[:, :count]  # what `_locate` left there: f and g
        upper, lower, spare = self._values[:, :count]
        _gather_between(flat, index, right, upper, spare)
        _gather_between(flat[below:], index, right, lower, spare)
        _blend(upper, lower, down)
        upper += np.float32(0.5)
        np.copyto(out, upper, casting="unsafe")  # truncates, after the half: rounds

    def _locate(self, count: int) -> NDArray[np.intp]:
        """Replace the grid by its fractions f, g and return the flat index of pixel (i, j)."""
        grid, corner, index = self._grid[:, :count], self._corner[:, :count], self._index[:count]
        for axis, size in enumerate((self._height, self._width)):
            np.clip(grid[axis], np.float32(-1), np.float32(size), out=grid[axis])
        np.floor(grid, out=corner)
        grid -= corner
        rows, columns = corner
        stride = self._padded.shape[2]
        rows *= np.float32(stride)
        rows += columns
        rows += np.float32(stride + 1)
        np.copyto(index, rows, casting="unsafe")
        index += self._first[:count]
        return index


def _gather_between(
    flat: NDArray[np.float32],
    index: NDArray[np.intp],
    fraction: NDArray[np.float32],
    out: NDArray[np.float32],
    spare: NDArray[np.float32],
) -> None:
    """Set `out` to (1−g) p_k + g p_{k+1} for every flat index k."""
    np.take(flat, index, out=out, mode="clip")  # all indices are inside; "raise" copies `out`
    np.take(flat[1:], index, out=spare, mode="clip")
    _blend(out, spare, fraction)


def _blend(
    start: NDArray[np.float32], end: NDArray[np.float32], fraction: NDArray[np.float32]
) -> None:
    """Set `start` to start + fraction · (end − start); `end` is used up."""
    end -= start
    end *= fraction
    start += end
