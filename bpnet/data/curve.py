"""Turn rows of control points into curves, as matrices that act on the points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


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
    last = len(path.controls) - 1
    starts = np.flatnonzero(np.diff(path.strokes) == 0)
    lengths = np.linalg.norm(np.diff(path.controls, axis=0)[starts], axis=1)
    ends = np.cumsum(lengths)
    along = (np.arange(points) + 0.5) / points * ends[-1]
    segment = np.searchsorted(ends, along)
    t = 1 - (ends[segment] - along) / lengths[segment]
    first = starts[segment]

    begins = np.diff(path.strokes, prepend=-1) > 0  # no point of the same stroke before it
    closes = np.diff(path.strokes, append=path.strokes[-1] + 1) > 0
    sharp_begins, sharp_closes = begins | path.is_corner, closes | path.is_corner
    variants = (
        (interpolating(t), sharp_begins, sharp_closes),
        (interpolating(t), begins, closes),
        (approximating(t), begins, closes),
    )
    matrices = []
    for weights, is_start, is_end in variants:
        matrix = np.zeros((points, last + 1))
        for row, (w, k) in enumerate(zip(weights.T, first, strict=True)):
            matrix[row, [k, k + 1]] += w[1:3]
            # Beyond the end of a curve it goes straight on: p₋₁ = 2 p₀ − p₁, and p₂ likewise.
            before = {k: 2.0, k + 1: -1.0} if is_start[k] else {k - 1: 1.0}
            after = {k + 1: 2.0, k: -1.0} if is_end[k + 1] else {k + 2: 1.0}
            for weight, neighbours in ((w[0], before), (w[3], after)):
                for control, factor in neighbours.items():
                    matrix[row, control] += weight * factor
        matrices.append(matrix.astype(np.float32))
    return matrices[0], matrices[1], matrices[2]


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
