"""Differentiate and move a matrix of weights some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.fast import sizes
from bpnet.nn.layer import Array
from bpnet.nn.memory import aligned_zeros
from bpnet.nn.parameters import FlatArrays
from bpnet.training.parameter_slice import ParameterSlice
from bpnet.training.step.update import Update


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Hold some rows whose gradient is computed in one go.

    Args:
        rows: which they are, among the shard's own.
        height: rows in each of the equal products that this takes.
        gradient: where they are written (products, height, in_features).
        slices: the same rows as the update takes them.
    """

    rows: slice
    height: int
    gradient: Array
    slices: list[ParameterSlice]


def differentiate_rows(
    blocks: Sequence[RowBlock], delta: Array, inputs: Array
) -> Iterator[list[ParameterSlice]]:
    """Write `dW = δ xᵀ` block by block, and return the slices of each when it is written.

    Args:
        blocks: of the weights.
        delta: δ (rows, batch).
        inputs: x (in_features, batch), in memory sample by sample.
    """
    x_transposed = inputs.T
    for block in blocks:
        own = delta[block.rows].reshape(-1, block.height, len(x_transposed))
        np.matmul(own, x_transposed, out=block.gradient)
        yield block.slices


def weight_rows(
    name: str, rows: slice, height: int, update: Update, gradients: FlatArrays
) -> list[RowBlock]:
    """Return some rows of a matrix in blocks.

    All have the same memory for their gradient, which the core's own cache then holds, unless the
    whole gradient is measured before it is used.

    Args:
        name: of the matrix among the parameters.
        rows: which it is about.
        height: rows that are best multiplied at a time.
        update: how the gradient moves them.
        gradients: where the whole gradient is written for measuring.
    """
    whole = gradients.views[name][rows]
    count, in_features = whole.shape
    moved = max(1, sizes.chosen().parameter_block // in_features)  # rows in a slice
    together = rows_together(count, height, in_features)
    memory = aligned_zeros(together * in_features, whole.dtype).reshape(together, in_features)

    def slice_of(start: int, gradient: Array) -> ParameterSlice:
        here = slice(rows.start + start, rows.start + start + len(gradient))
        return update.take(lambda arrays: arrays.views[name][here], [gradient], decays=True)

    blocks = []
    for start in range(0, count, together):
        block = slice(start, min(start + together, count))
        gradient = whole[block] if update.clips else memory[: block.stop - start]
        slices = [
            slice_of(start + row, gradient[row : row + moved])
            for row in range(0, len(gradient), moved)
        ]
        equal = min(height, len(gradient))
        products = gradient.reshape(-1, equal, in_features)
        blocks.append(RowBlock(block, equal, products, slices))
    return blocks[::-1]  # the last rows are still in the cache, and then the first ones will be


def rows_together(count: int, height: int, in_features: int) -> int:
    """Return how many rows a block has."""
    fit = sizes.chosen()
    if height < count:  # small products, which need no packing
        return max(1, fit.parameter_block // in_features // height) * height
    most = max(1, fit.gradient_block // in_features)  # every product packs the inputs anew
    return max(1, -(-count // max(1, -(-count // most))))
