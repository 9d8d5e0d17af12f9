"""Turn rows of control points into curves, as matrices that act on the points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
LEAST_EIGENVALUE = 1e-6  # below it, a rounding error would change the root too much
DECIMALS = 6


@dataclass(frozen=True)
class Path:
    """Hold the strokes of a digit.

    Args:
        controls: points (controls, 2) that the pen passes, x and y.
        strokes: number (controls,) of the stroke that each point belongs to.
        is_corner: whether the pen turns sharply there (controls,).
    """

    controls: NDArray[np.float64]
    strokes: NDArray[np.int64]
    is_corner: NDArray[np.bool_]


def read_path(text: str) -> Path:
    """Read strokes such as `0,0 50,0 / 20,100 ; 10,50 40,50`: `/` a corner, `;` the pen lifted."""
    controls: list[tuple[float, float]] = []
    strokes: list[int] = []
    is_corner: list[bool] = []
    for number, stroke in enumerate(text.split(";")):
        for word in stroke.split():
            if word == "/":
                is_corner[-1] = True
            else:
                x, y = word.split(",")
                controls.append((float(x), float(y)))
                strokes.append(number)
                is_corner.append(False)
    return Path(np.array(controls), np.array(strokes), np.array(is_corner))


def interpolating(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights (4, points) of the Catmull–Rom spline, which passes all its controls.

    p(t) = ½ [(−t + 2t² − t³) p₋₁ + (2 − 5t² + 3t³) p₀ + (t + 4t² − 3t³) p₁ + (t³ − t²) p₂]
    """
    t2, t3 = t**2, t**3
    return np.stack([-t + 2 * t2 - t3, 2 - 5 * t2 + 3 * t3, t + 4 * t2 - 3 * t3, t3 - t2]) / 2


def approximating(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights (4, points) of the uniform B-spline, which cuts its corners.

    p(t) = ⅙ [(1 − t)³ p₋₁ + (4 − 6t² + 3t³) p₀ + (1 + 3t + 3t² − 3t³) p₁ + t³ p₂]
    """
    t2, t3 = t**2, t**3
    return np.stack([(1 - t) ** 3, 4 - 6 * t2 + 3 * t3, 1 + 3 * (t + t2 - t3), t3]) / 6


def curve_matrices(path: Path, points: int) -> tuple[Matrix, Matrix, Matrix]:
    """Return three matrices (points, controls) that turn control points into points on a curve.

    The points are spread evenly over the length of all strokes. The first curve turns sharply at
    corners, the second swings through them, the third cuts every bend.
    """
    starts = np.flatnonzero(np.diff(path.strokes) == 0)
    lengths = np.linalg.norm(np.diff(path.controls, axis=0)[starts], axis=1)
    ends = np.cumsum(lengths)
    along = (np.arange(points) + 0.5) / points * ends[-1]
    segment = np.searchsorted(ends, along)
    first = starts[segment]
    t = 1 - (ends[segment] - along) / lengths[segment]

    begins = np.diff(path.strokes, prepend=-1) > 0
    closes = np.diff(path.strokes, append=path.strokes[-1] + 1) > 0
    corner = path.is_corner
    return (
        _curve_matrix(interpolating(t), first, begins | corner, closes | corner),
        _curve_matrix(interpolating(t), first, begins, closes),
        _curve_matrix(approximating(t), first, begins, closes),
    )


def _curve_matrix(
    weights: NDArray[np.float64],
    first: NDArray[np.int64],
    begins: NDArray[np.bool_],
    closes: NDArray[np.bool_],
) -> Matrix:
    """Spread the weights (4, points) of p₋₁, p₀, p₁, p₂ over all controls; p₀ is `first` (points,).

    Where a curve begins at p₀ or closes at p₁ (controls,), it goes straight on beyond:
    p₋₁ = 2 p₀ − p₁ and p₂ = 2 p₁ − p₀.
    """
    before, start, end, after = weights
    is_begin, is_close = begins[first], closes[first + 1]
    matrix = np.zeros((len(first), len(begins)))
    row = np.arange(len(first))
    matrix[row, first] += start + np.where(is_begin, 2 * before, 0) - np.where(is_close, after, 0)
    matrix[row, first + 1] += end + np.where(is_close, 2 * after, 0) - np.where(is_begin, before, 0)
    matrix[row, np.where(is_begin, first, first - 1)] += np.where(is_begin, 0, before)
    matrix[row, np.where(is_close, first, first + 2)] += np.where(is_close, 0, after)
    return matrix.astype(np.float32)


def end_directions(path: Path) -> NDArray[np.float32]:
    """Return the matrix (controls, controls) whose product with the controls lengthens strokes.

    At both ends of a stroke it gives the end minus its neighbour, elsewhere 0.
    """
    count = len(path.controls)
    matrix = np.zeros((count, count), dtype=np.float32)
    for stroke in np.unique(path.strokes):
        members = np.flatnonzero(path.strokes == stroke)
        for end, neighbour in ((members[0], members[1]), (members[-1], members[-2])):
            matrix[end, end], matrix[end, neighbour] = 1, -1
    return matrix


def sway_matrix(path: Path, reach: float) -> NDArray[np.float32]:
    """Return the matrix (controls, controls) that lets neighbours on a stroke move alike.

    Its product with independent standard normal numbers has variance 1 and, between two controls
    of a stroke that lie s apart along it, the correlation exp(−s² / 2 reach²). It is the symmetric
    square root `V √λ Vᵀ`, of which there is only one. Rounded to six decimals, it is the same to
    the last bit wherever the eigenvalues λ and eigenvectors V are computed, although V is not.
    """
    steps = np.linalg.norm(np.diff(path.controls, axis=0, prepend=path.controls[:1]), axis=1)
    along = np.cumsum(steps)
    distance = along[:, None] - along
    correlation = np.exp(-np.square(distance / reach) / 2)
    correlation *= path.strokes[:, None] == path.strokes
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors * np.sqrt(np.maximum(values, LEAST_EIGENVALUE))) @ vectors.T
    matrix: NDArray[np.float32] = np.round(root, DECIMALS).astype(np.float32)
    return matrix


def end_ramps(path: Path, points: int, reach: float) -> NDArray[np.float32]:
    """Return how near (2, points) the points of a curve are to their stroke's start and end.

    Nearness is 1 at the end itself and falls quadratically to 0 at `reach`, or in the middle of
    strokes shorter than twice that.
    """
    starts = np.flatnonzero(np.diff(path.strokes) == 0)
    lengths = np.linalg.norm(np.diff(path.controls, axis=0)[starts], axis=1)
    along = (np.arange(points) + 0.5) / points * lengths.sum()
    ends = np.cumsum([lengths[path.strokes[starts] == n].sum() for n in np.unique(path.strokes)])
    stroke = np.searchsorted(ends, along)
    begins = np.concatenate([[0], ends[:-1]])
    reaches = np.minimum(reach, np.diff(ends, prepend=0) / 2)[stroke]
    ways = np.stack([along - begins[stroke], ends[stroke] - along])
    ramps: NDArray[np.float32] = np.square(np.maximum(1 - ways / reaches, 0)).astype(np.float32)
    return ramps
