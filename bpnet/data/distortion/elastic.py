"""Bend pictures as if drawn on rubber: smooth random displacements, one field per picture.

Source: Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to
Visual Document Analysis" (2003), section 2.
"""

import math

import numpy as np
from numpy.typing import NDArray

from bpnet.data.distortion.counter import Words, mix64, word_steps
from bpnet.data.distortion.exact import exact_multiples

NEGLIGIBLE = 1e-4  # fraction of a field's variance
NOISE_BITS = 8  # whose ones are counted
NOISE_PER_WORD = 64 // NOISE_BITS
MEAN_ONES = np.float32(NOISE_BITS / 2)
SPREAD_OF_ONES = math.sqrt(NOISE_BITS) / 2  # standard deviation
UNIFORM_SPREAD = 1 / math.sqrt(3)  # standard deviation of noise in [−1, 1)


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


def principal_components(size: int, sigma: float) -> NDArray[np.float64]:
    """Return the matrix F (size, components) that makes a smooth line from a few random numbers.

    White noise n smoothed by G has the covariance G Gᵀ. With G = U S Vᵀ the numbers Vᵀ n are white
    too, so F = U S makes the same of fewer of them: F Fᵀ = U S² Uᵀ = G Gᵀ. Components that hold
    less than 1/10,000 of the variance together are left out: 21 of 28 for σ = 4.

    Source: Karhunen (1947) and Loève (1948), the expansion of a random process that bears their
    names.
    """
    modes, strengths, _ = np.linalg.svd(smoothing_matrix(size, sigma))
    variances = np.cumsum(strengths**2)
    count = 1 + np.count_nonzero(variances < (1 - NEGLIGIBLE) * variances[-1])
    signs = np.where(modes[0] < 0, -1, 1)  # which the decomposition leaves open
    components: NDArray[np.float64] = (modes * strengths * signs)[:, :count]
    return components


class ElasticField:
    """Draw displacement fields of pictures in pixels.

    Δ = α/√3 · F_h Z F_wᵀ with independent Z of variance 1, one for the rows and one for the
    columns: a field as strong and as smooth, in all places, as Simard's Gaussian convolution
    α G_h N G_wᵀ of noise N uniform in [−1, 1), from a sixteenth of the random numbers (σ = 4). A
    number in Z is how many of 8 random bits are ones, less 4, over √2: nearly normal.

    α multiplies a field smoothed by a kernel that sums to one, so each pixel moves by a standard
    deviation of α / (√3 · 2√π σ) ≈ 0.163 α/σ pixels along each axis, whatever the picture's size:
    1.4 pixels for α = 34, σ = 4. Simard normalises the field itself to norm 1, which for the same
    α on his 29×29 pictures means 34/29 = 1.2 pixels.

    Args:
        picture_shape: height and width in pixels.
        alpha: strength of the displacement, in pixels or whatever unit displacements should have.
        sigma: standard deviation of the Gaussian in pixels; above 0.
        max_pictures: the most pictures of one call.
        first_word: the first of each sample's random words that the noise takes.

    Attributes:
        reach: a bound on every displacement.
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
        left, right = (principal_components(size, sigma) for size in picture_shape)
        left *= alpha * UNIFORM_SPREAD / SPREAD_OF_ONES
        most = NOISE_BITS / 2 * max(np.abs(right).sum(axis=1))
        self.reach = float(most * max(np.abs(left).sum(axis=1)))
        self._left = left.astype(np.float32)
        self._right = exact_multiples(right.T, 1.01 * most)  # rounded, they may add up to more
        lines, columns = left.shape[1], right.shape[1]
        self._steps = word_steps(first_word, math.ceil(2 * lines * columns / NOISE_PER_WORD))
        self._words = np.empty((2, max_pictures, len(self._steps)), dtype=np.uint64)
        self._ones = np.empty((max_pictures, len(self._steps) * NOISE_PER_WORD), dtype=np.uint8)
        self._noise = np.empty((max_pictures, 2, lines, columns), dtype=np.float32)
        self._half_smooth = np.empty((max_pictures, 2, lines, width), dtype=np.float32)
        self._fields = np.empty((max_pictures, 2, height, width), dtype=np.float32)

    def displacements(self, streams: Words) -> NDArray[np.float32]:
        """Draw one field per stream.

        Args:
            streams: the samples' streams of random words (pictures,).

        Returns:
            Row and column displacements (2, pictures, height, width), valid until the next call;
            none is larger than `reach`.
        """
        count = len(streams)
        words, scratch = self._words[:, :count]
        ones, noise = self._ones[:count], self._noise[:count]
        half_smooth, fields = self._half_smooth[:count], self._fields[:count]
        np.add(streams[:, None], self._steps, out=words)
        mix64(words, scratch)
        np.bitwise_count(words.view(np.uint8), out=ones)
        np.copyto(noise, ones[:, : noise[0].size].reshape(noise.shape))
        np.subtract(noise, MEAN_ONES, out=noise)
        # Whole numbers by rounded ones: exact, so that one product may serve all pictures.
        components, width = self._right.shape
        np.matmul(noise.reshape(-1, components), self._right, out=half_smooth.reshape(-1, width))
        # One product per picture: its last bits must not depend on how many pictures there are.
        np.matmul(self._left, half_smooth, out=fields)
        return fields.swapaxes(0, 1)
