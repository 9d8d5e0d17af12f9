"""Find the connected pieces of a mask."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.morphology import within


@dataclass(frozen=True, eq=False)
class Components:
    """Hold the connected pieces of a mask, numbered from 0 in reading order.

    Args:
        labels: piece of each pixel (height, width), −1 outside the mask.
        areas: pixels of each piece.
        top, bottom, left, right: the box of each piece; `bottom` and `right` lie just outside.
    """

    labels: NDArray[np.int64]
    areas: NDArray[np.int64]
    top: NDArray[np.int64]
    bottom: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.areas)

    @property
    def heights(self) -> NDArray[np.int64]:
        """Return the height of each piece's box."""
        return self.bottom - self.top

    @property
    def widths(self) -> NDArray[np.int64]:
        """Return the width of each piece's box."""
        return self.right - self.left

    def edge_contact(self) -> NDArray[np.int64]:
        """Count the pixels of each piece that lie on the picture's edge, corners twice."""
        edge = self.labels
        along = np.concatenate([edge[0], edge[-1], edge[:, 0], edge[:, -1]])
        return np.bincount(along[along >= 0], minlength=len(self))

    def sums(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Add up `values` (height, width) over each piece."""
        inside = self.labels >= 0
        sums = np.bincount(self.labels[inside], values[inside], minlength=len(self))
        return sums.astype(np.float64)

    def highest(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the highest of `values` (height, width) on each piece."""
        inside = self.labels >= 0
        highest = np.full(len(self), -np.inf, dtype=np.float32)
        np.maximum.at(highest, self.labels[inside], values[inside])
        return highest

    def mask(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the pixels (height, width) of the chosen pieces."""
        return np.append(chosen, False)[self.labels]


def components_within(mask: NDArray[np.bool_], gap: int) -> Components:
    """Label the pieces of a mask (height, width); gaps of up to 2 × `gap` pixels are bridged."""
    bridged = connected_components(within(np.maximum, mask, gap)).labels
    return components_of(np.where(mask, bridged, -1))


def components_of(labels: NDArray[np.int64]) -> Components:
    """Measure pieces (height, width) that are numbered from 0 without a gap, −1 where is none."""
    rows, columns = np.nonzero(labels >= 0)
    piece = labels[rows, columns]
    count = int(piece.max()) + 1 if len(piece) else 0
    box = {
        "top": _extreme(np.minimum, piece, rows, count),
        "bottom": _extreme(np.maximum, piece, rows + 1, count),
        "left": _extreme(np.minimum, piece, columns, count),
        "right": _extreme(np.maximum, piece, columns + 1, count),
    }
    return Components(labels, np.bincount(piece, minlength=count).astype(np.int64), **box)


def connected_components(mask: NDArray[np.bool_]) -> Components:
    """Label the pieces of a mask (height, width); pixels that touch at a corner are connected.

    The mask is cut into horizontal runs of pixels. Runs of neighbouring rows that touch are
    edges of a graph, whose connected parts are the pieces.
    """
    height, width = mask.shape
    stride = width + 2  # an empty column at either side keeps the rows apart
    flat = np.pad(mask, ((0, 0), (1, 1))).ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, ends = changes[::2], changes[1::2]
    first = np.searchsorted(ends, starts + stride, side="left")
    last = np.searchsorted(starts, ends + stride, side="right")
    below = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), below)
    lower = np.arange(len(upper)) - np.repeat(np.cumsum(below) - below, below) + first[upper]
    piece = connected_parts(len(starts), upper, lower)

    labels = np.full(height * stride, -1, dtype=np.int64)
    labels[flat] = np.repeat(piece, ends - starts)
    count = int(piece.max()) + 1 if len(piece) else 0
    box = {
        "top": _extreme(np.minimum, piece, starts // stride, count),
        "bottom": _extreme(np.maximum, piece, starts // stride + 1, count),
        "left": _extreme(np.minimum, piece, starts % stride - 1, count),
        "right": _extreme(np.maximum, piece, ends % stride - 1, count),
    }
    areas = np.bincount(piece, ends - starts, minlength=count).astype(np.int64)
    return Components(labels.reshape(height, stride)[:, 1:-1], areas, **box)


def connected_parts(
    nodes: int, one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the part of each node in a graph whose edges join `one[i]` and `other[i]`."""
    root = np.arange(nodes)
    while True:
        lowest = np.minimum(root[one], root[other])
        if np.array_equal(root[one], root[other]):
            break
        np.minimum.at(root, root[one], lowest)
        np.minimum.at(root, root[other], lowest)
        while not np.array_equal(root, root[root]):
            root = root[root]
    is_root = np.zeros(nodes, dtype=np.int64)
    is_root[root] = 1
    numbered: NDArray[np.int64] = (np.cumsum(is_root) - 1)[root]
    return numbered


def _extreme(
    function: np.ufunc, piece: NDArray[np.int64], values: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return the lowest or highest of the values of each piece."""
    extreme = np.full(count, values.min(initial=0) if function is np.maximum else np.iinfo(int).max)
    function.at(extreme, piece, values)
    return extreme
