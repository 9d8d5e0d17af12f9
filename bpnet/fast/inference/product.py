"""Compute linear layers and direct convolutions: products of a weight matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bpnet.fast.inference.meaning import Meaning, Numbers
from bpnet.fast.inference.plan import Plan
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array, Shape
from bpnet.nn.linear import Linear
from bpnet.nn.memory import aligned_zeros

SHORT_RUN = 16  # numbers of a window's row: shorter runs are copied one offset at a time


class Product:
    """Compute `W (s x + o)`, all of it but the bias: `z = x (s W)ᵀ`, rows are samples.

    Args:
        linear: the layer.
        shape: of a picture (channels, height, width), if what comes in was one before `flatten`.
        meaning: of what comes in.
        dtype: element type.
    """

    def __init__(self, linear: Linear, shape: Shape, meaning: Meaning, dtype: DTypeLike) -> None:
        weight = linear.weight.reshape(-1, *shape)
        self.bias = shifted(weight, linear.bias if linear.has_bias else None, meaning)
        rows = np.moveaxis(weight, 1, -1).reshape(len(weight), -1)  # channels last
        self.weight = scaled(rows.T, meaning.scale, dtype)
        self.numbers = len(weight)

    def write(self, x: Array, plan: Plan) -> Array:
        """Add one product."""
        z = plan.array(self.numbers)
        plan.call(np.dot, x.reshape(plan.batch, -1), self.weight, z)
        return z


class Convolution:
    """Compute a convolution but for its bias, and the maximum of each pooled block.

    The windows of the input are the rows of a matrix, `z = X (s W)ᵀ`; those of a block's first
    places come first, then those of its second places, so that the maximum runs over long rows.
    Where a window's own rows are short, as in a picture of one channel, windows are columns: all
    pixels that a weight meets lie side by side.

    Args:
        conv: the layer.
        pool: side of the blocks whose maximum is kept; 1 keeps everything.
        meaning: of what comes in.
        dtype: element type.
    """

    def __init__(self, conv: Conv, pool: int, meaning: Meaning, dtype: DTypeLike) -> None:
        weight = conv.weight
        self.bias = shifted(weight, conv.bias if conv.has_bias else None, meaning)
        self.kernel, self.stride, self.pool = conv.kernel_size, conv.stride, pool
        self.border = Border(conv.padding, meaning.zero)
        filters, height, width = conv.output_shape
        self.output_shape = (height // pool, width // pool, filters)
        self.channels = conv.input_shape[0]
        self.by_column = self.kernel * self.channels < SHORT_RUN
        matrix = weight.transpose(2, 3, 1, 0).reshape(-1, filters)  # channels last
        self.weight = scaled(matrix, meaning.scale, dtype)
        computed = math.prod(self.output_shape) * pool**2
        windows = computed // filters * len(self.weight)
        padded = self.border.numbers(conv.input_shape)
        self.numbers = windows * (2 if self.by_column else 1) + computed + padded

    def write(self, x: Array, plan: Plan) -> Array:
        """Add the copy of all windows, their product, and the maximum over each block."""
        x = self.border.write(x, plan)
        down, across, filters = self.output_shape
        places, positions = self.pool**2, down * across
        rows = plan.batch * places * positions
        length = len(self.weight)
        y = plan.array(*self.output_shape)
        columns, sums = plan.scratch((rows * length,), (rows, filters) if places > 1 else (0, 0))
        if self.by_column:
            self._write_columns(x, columns, plan)
            windows = columns.reshape(length, rows).T
        else:
            windows = columns.reshape(rows, length)
            shape = (plan.batch, self.pool, self.pool, down, across, self.kernel)
            run = self.kernel * self.channels
            plan.call(np.copyto, columns.reshape(*shape, run), self._windows(x))
        if places == 1:
            plan.call(np.matmul, windows, self.weight, y.reshape(rows, filters))
        else:
            plan.call(np.matmul, windows, self.weight, sums)
            blocks = sums.reshape(plan.batch, places, positions * filters)
            out = y.reshape(plan.batch, positions * filters)
            plan.call(np.maximum.reduce, blocks, 1, None, out)
        return y

    def _windows(self, x: Array) -> Array:
        """View all windows: (batch, place down, place across, rows, columns, K, K · channels)."""
        down, across, _ = self.output_shape
        sample, row, column, channel = x.strides
        step = self.stride
        return np.ndarray(
            (
                *(len(x), self.pool, self.pool, down, across),
                *(self.kernel, self.kernel * self.channels),
            ),
            x.dtype,
            x,
            strides=(
                *(sample, step * row, step * column),
                *(self.pool * step * row, self.pool * step * column, row, channel),
            ),
        )

    def _write_columns(self, x: Array, columns: Array, plan: Plan) -> None:
        """Add the copies that lay the pixels which a weight meets side by side."""
        down, across, _ = self.output_shape
        sample, row, column, channel = x.strides
        step, pool, kernel = self.stride, self.pool, self.kernel
        windows = np.ndarray(
            (kernel, kernel, self.channels, len(x), pool, pool, down, across),
            x.dtype,
            x,
            strides=(
                *(row, column, channel, sample, step * row, step * column),
                *(pool * step * row, pool * step * column),
            ),
        )
        plan.call(np.copyto, columns.reshape(windows.shape), windows)


class Border:
    """Surround pictures with what stands for zeros.

    Args:
        width: of the border in pixels; 0 leaves pictures alone.
        zero: what is stored there (channels,).
    """

    def __init__(self, width: int, zero: Numbers | float) -> None:
        self.width = width
        self._zero = zero

    def numbers(self, input_shape: Shape) -> int:
        """Return the numbers of a picture (channels, height, width) with its border, if any."""
        channels, height, width = input_shape
        return channels * (height + 2 * self.width) * (width + 2 * self.width) * bool(self.width)

    def write(self, x: Array, plan: Plan) -> Array:
        """Add the copy into a larger picture whose border is there already."""
        if not self.width:
            return x
        _, height, width, channels = x.shape
        padded = plan.array(height + 2 * self.width, width + 2 * self.width, channels)
        padded[...] = self._zero
        inside = padded[:, self.width :, self.width :][:, :height, :width]
        plan.call(np.copyto, inside, x)
        return padded


def scaled(matrix: Array, scale: float, dtype: DTypeLike) -> Array:
    """Return `s W` in memory of its own that begins with a cache line."""
    weight: Array = aligned_zeros(matrix.size, dtype).reshape(matrix.shape)
    return np.multiply(matrix, scale, out=weight, dtype=weight.dtype, casting="same_kind")


def shifted(weight: NDArray[Any], bias: Array | None, meaning: Meaning) -> Numbers:
    """Return `W o + b`: what a product leaves to be added.

    Args:
        weight: (outputs, channels, …).
        bias: (outputs,), if there is one.
        meaning: whose offset is o (channels,).
    """
    by_channel = weight.reshape(*weight.shape[:2], -1).sum(axis=2, dtype=np.float64)
    total: Numbers = by_channel @ meaning.offset
    return total if bias is None else total + bias
