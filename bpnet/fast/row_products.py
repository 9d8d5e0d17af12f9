"""Multiply rows that lie one after the other as the matrices that they already are."""

import numpy as np

from bpnet.fast import sizes
from bpnet.nn.layer import Array
from bpnet.nn.memory import Memory


def by_row(picture: Array) -> Array:
    """View (channels, height, width, batch) as (height, channels, width · batch)."""
    channels, height, _, _ = picture.shape
    return picture.reshape(channels, height, -1).transpose(1, 0, 2)


def overlapping(rows: Array, count: int) -> Array:
    """View all runs of `count` rows (points, rows, depth, n) as matrices (count · depth, n)."""
    points, height, depth, length = rows.shape
    shape = (points, max(0, height - count + 1), count * depth, length)
    return np.ndarray(shape, rows.dtype, rows, strides=rows.strides)


def products_back(
    filters: Array, gradients: Array, out: Array, border: int
) -> list[tuple[Array, Array, Array]]:
    """Pair filters with the sums that saw each row: `dV_h = Σ_i U_iᵀ dM_{h−i}`.

    Most rows were seen by K sums, and all of these are one stack of products; those near the border
    were seen by fewer.

    Args:
        filters: U with its last row first, (points, depth, K, out).
        gradients: dM, (points, rows, out, n).
        out: dV without its border, (points, rows, depth, n).
        border: rows above the first of `out`.

    Returns:
        Matrices to multiply, and where their product goes.
    """
    points, depth, kernel, height = filters.shape
    matrix = filters.reshape(points, depth, -1)
    rows, last = gradients.shape[1], border + out.shape[1]
    products = []
    whole = range(max(kernel - 1, border), min(rows, last))
    if whole:
        runs = overlapping(gradients, kernel)[:, whole.start - kernel + 1 :][:, : len(whole)]
        products.append((matrix[:, None], runs, out[:, whole.start - border :][:, : len(whole)]))
    for row in range(border, last):
        if row in whole:
            continue
        highest = row - kernel + 1
        top, bottom = max(0, highest), min(rows, row + 1)
        of_filters = matrix[:, :, (top - highest) * height : (bottom - highest) * height]
        of_sums = gradients[:, top:bottom].reshape(points, (bottom - top) * height, -1)
        products.append((of_filters, of_sums, out[:, row - border]))
    return products


class OuterProducts:
    """Compute `dU = Σ_r δ_r V_rᵀ` at each of some points, in the pieces that the BLAS likes.

    Of dU and its transpose, the one with more rows is the faster product, and kernels that pack
    nothing want products with few outputs here: its rows are cut into equal pieces for them.

    Args:
        points: how many matrices U there are.
        most: places r of a call.
        out: rows of U.
        depth: columns of U.
        memory: where arrays come from.
    """

    def __init__(self, points: int, most: int, out: int, depth: int, memory: Memory) -> None:
        self._turned = depth > out
        self._tall, wide = max(out, depth), min(out, depth)
        self._pieces = pieces_of(self._tall, wide)
        size = self._tall * wide if memory.training else 0
        self._of_places = memory.scratch(points, most, size)
        self._total = memory.scratch(points, size)
        self._of_call = memory.scratch(points, size)

    def add(self, delta: Array, seen: Array, *, is_first: bool) -> None:
        """Add the products of some places to those of the calls before, or forget these.

        Args:
            delta: δ, (points, places, out, n).
            seen: V, (points, places, depth, n).
            is_first: whether this is the first call.
        """
        tall, wide = (seen, delta) if self._turned else (delta, seen)
        points, places, _, length = tall.shape
        shape = (points, places, self._pieces, self._tall // self._pieces)
        pieces = tall.reshape(*shape, length)  # a view: only one axis is divided
        total = self._total if is_first else self._of_call
        of_places = self._of_places[:, :places] if places > 1 else total[:, None]
        np.matmul(pieces, wide[:, :, None].swapaxes(3, 4), out=of_places.reshape(*shape, -1))
        if places > 1:
            np.add.reduce(of_places, axis=1, out=total)
        if not is_first:
            self._total += total

    def result(self) -> Array:
        """View dU (points, out, depth)."""
        matrices = self._total.reshape(len(self._total), self._tall, -1)
        return matrices.swapaxes(1, 2) if self._turned else matrices


def pieces_of(rows: int, columns: int) -> int:
    """Return into how many equal pieces the rows of a gradient are best cut."""
    most = sizes.chosen().small_gradient
    for pieces in range(1, rows // 4 + 1):
        if rows % pieces == 0 and rows // pieces * columns <= most:
            return pieces
    return 1
