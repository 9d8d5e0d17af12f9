"""Bend pictures as if drawn on rubber: smooth random displacements, one field per picture.

Source: Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to
Visual Document Analysis" (2003), section 2.
"""

import math

import numpy as np
from numpy.typing import NDArray

from bpnet.data.distortion.counter import Words, mix64, word_steps

NOISE_UNIT = 2.0**15  # 16-bit noise divided by it is uniform in [−1, 1)
NOISE_PER_WORD = 4


def smoothing_matrix(size: int, sigma: float) -> NDArray[np.float64]:
    """Return the matrix (size, size) that smooths a line of pixels by a Gaussian.

    Row i holds exp(−(i − j)² / 2σ²) at pixel j, divided by the sum over the unbounded line. Near
    the border, where the line ends, a row would lose weight and the picture stand still; there it
    is scaled up until its square sum, and so the variance of smoothed noise, is that of the
    inside.
    """
    reach = size + math.ceil(8 * sigma)
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    norm = math.sqrt(float(np.square(line / line.sum()).sum()))
    distance = np.arange(size)[:, None] - np.arange(size)
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    scaled: NDArray[np.float64] = weights * (norm / np.linalg.norm(weights, axis=1, keepdims=True))
    return scaled


class ElasticField:
    """Draw displacement fields of pictures in pixels.

    Δ = α · G_h N G_wᵀ with noise N uniform in [−1, 1), one for the rows and one for the columns:
    Simard's Gaussian convolution of a random field, exactly and not on a coarser grid, for a
    Gaussian is separable and two products of small matrices cost less than a gather.

    α multiplies a field smoothed by a kernel that sums to one, so each pixel moves by a standard
    deviation of α / (√3 · 2√π σ) ≈ 0.163 α/σ pixels along each axis, whatever the picture's size:
    1.4 pixels for α = 34, σ = 4. Simard normalises the field itself to norm 1, which for the same
    α on his 29×29 pictures means 34/29 = 1.2 pixels.

    Args:
        picture_shape: height and width in pixels.
        alpha: strength of the displacement.
        sigma: standard deviation of the Gaussian in pixels; above 0.
        max_pictures: the most pictures of one call.
        first_word: the first of each sample's random words that the noise takes.
    """

    def __init__(
        self,
        picture_shape: tuple[int, int],
        *,
        alpha: float,
        sigma: float,
        max_pictures: int,
        first_word: int,
    ) -> None:
        height, width = picture_shape
        self._left = (smoothing_matrix(height, sigma) * (alpha / NOISE_UNIT)).astype(np.float32)
        self._right = np.ascontiguousarray(smoothing_matrix(width, sigma).T, dtype=np.float32)
        self._steps = word_steps(first_word, math.ceil(2 * height * width / NOISE_PER_WORD))
        self._words = np.empty((2, max_pictures, len(self._steps)), dtype=np.uint64)
        self._fields = np.empty((2, max_pictures, 2, height, width), dtype=np.float32)

    def displacements(self, streams: Words) -> NDArray[np.float32]:
        """Draw one field per stream.

        Args:
            streams: the samples' streams of random words (pictures,).

        Returns:
            Row and column displacements (2, pictures, height, width), valid until the next call.
        """
        count = len(streams)
        words, scratch = self._words[:, :count]
        np.add(streams[:, None], self._steps, out=words)
        mix64(words, scratch)
        field, half_smooth = self._fields[0, :count], self._fields[1, :count]
        per_picture = field[0].size
        field.reshape(count, per_picture)[...] = words.view(np.int16)[:, :per_picture]
        # One product per picture: its last bits must not depend on how many pictures there are.
        np.matmul(field, self._right, out=half_smooth)
        np.matmul(self._left, half_smooth, out=field)
        return field.swapaxes(0, 1)
