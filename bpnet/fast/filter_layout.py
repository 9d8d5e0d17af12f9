"""Lay filters out as one matrix, each at several places of a window."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array, Shape


class FilterLayout:
    """Hold which weight, bias or zero stands where in the matrix W of a convolution.

    A window of w×w inputs, w = K + S − 1, holds a filter at S×S places; each place is one row of
    W, zero elsewhere. The last column is the bias.

    Args:
        filters: shape of the weights (out_channels, in_channels, K, K).
        spread: S.
    """

    def __init__(self, filters: Shape, spread: int) -> None:
        out_channels, in_channels, kernel_size, _ = filters
        self.parameters = math.prod(filters) + out_channels
        self.places = spread**2
        self.side = kernel_size + spread - 1
        self.shape = (self.places * out_channels, in_channels * self.side**2 + 1)
        # Of W and its transpose, the one with more rows is the faster product: dW is taken so.
        self.turned = self.shape[0] < self.shape[1]
        self.numbers = self._number_at_each_element(filters, spread)
        self.elements = self._elements_of_each_number()

    def _number_at_each_element(self, filters: Shape, spread: int) -> NDArray[np.intp]:
        """Return the number at each element of W: weights in order, then biases, then a 0."""
        out_channels, in_channels, kernel_size, _ = filters
        weights = math.prod(filters)
        shape = (spread, spread, out_channels, in_channels, self.side, self.side)
        number = np.full(shape, self.parameters)
        for row in range(spread):
            for column in range(spread):
                down, right = slice(row, row + kernel_size), slice(column, column + kernel_size)
                number[row, column, ..., down, right] = np.arange(weights).reshape(filters)
        bias = np.tile(weights + np.arange(out_channels), self.places)[:, None]
        return np.hstack([number.reshape(self.shape[0], -1), bias])

    def _elements_of_each_number(self) -> NDArray[np.intp]:
        """Return where each weight and bias stands in the gradient of W, place by place."""
        tall, wide = self.shape
        order = np.arange(tall * wide)
        element = order.reshape(wide, tall).T if self.turned else order.reshape(tall, wide)
        elements = np.empty((self.places, self.parameters), dtype=np.intp)
        for number, where, row in zip(
            self.numbers.reshape(self.places, -1),
            element.reshape(self.places, -1),
            elements,
            strict=True,
        ):
            stands_here = number < self.parameters
            row[number[stands_here]] = where[stands_here]
        return elements

    def write(self, weight: Array, bias: Array | None, numbers: Array, out: Array) -> None:
        """Write W.

        Args:
            weight: (out_channels, in_channels, K, K).
            bias: (out_channels,), or None for zeros.
            numbers: (parameters + 1,) to work in.
            out: W, overwritten.
        """
        numbers[: weight.size] = weight.reshape(-1)
        numbers[weight.size :] = 0
        if bias is not None:
            numbers[weight.size : -1] = bias
        np.take(numbers, self.numbers, out=out, mode="clip")

    def read(
        self, grad: Array, by_place: Array, numbers: Array, gradients: Mapping[str, Array]
    ) -> None:
        """Add up the gradients of a weight from all its places.

        Args:
            grad: dW, or its transpose where `turned`, as a vector.
            by_place: (places, parameters) to work in.
            numbers: (parameters + 1,) to work in.
            gradients: of weight and, if there is one, bias; overwritten.
        """
        np.take(grad, self.elements, out=by_place, mode="clip")
        total = np.add.reduce(by_place, axis=0, out=numbers[:-1])
        weights = gradients["weight"].size
        np.copyto(gradients["weight"].reshape(-1), total[:weights])
        if "bias" in gradients:
            np.copyto(gradients["bias"], total[weights:])
