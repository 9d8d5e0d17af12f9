"""Convolve with filters as they are, at several columns at once."""

import numpy as np

from bpnet.fast.rows import RowConv
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array


class DirectConv(RowConv):
    """Convolve row by row, the p neighbouring columns of a pool at once.

    A row of V holds the w = K + p − 1 columns that p outputs see, and U each filter at its p places
    among them, the rest zeros. That multiplies w / K times as much, and copies each number of the
    input w / p times instead of K² times.

    Args:
        conv: the convolution, whose sizes are taken.
        pool_size: side p of the blocks whose maximum is kept; 1 keeps everything.
        relu: whether ReLU is applied.
    """

    points = 1

    def __init__(self, conv: Conv, pool_size: int = 1, relu: bool = False) -> None:
        super().__init__(conv, pool_size, relu, tile=pool_size)
        self.parts = self.window
        self.depth = self.window * self.input_shape[0]
        self.out = pool_size * self.output_shape[0]

    def _at_each_place(self, filters: Array) -> list[Array]:
        """View U at each of a filter's p places, as the weight lies."""
        out_channels, in_channels, _, _ = self.parameter_shapes["weight"]
        shape = (self.tile, out_channels, self.kernel_size, self.window, in_channels)
        return [
            at_place[:, :, place : place + self.kernel_size].transpose(0, 3, 1, 2)
            for place, at_place in enumerate(filters.reshape(shape))
        ]

    def write_filters(self, out: Array) -> None:
        """Write each filter at its p places; between them are zeros."""
        for at_place in self._at_each_place(out):
            np.copyto(at_place, self.weight)

    def read_filters(self, gradient: Array, out: Array) -> None:
        """Add up the gradients of each filter at its p places."""
        first, *others = self._at_each_place(gradient)
        np.copyto(out, first)
        for at_place in others:
            np.add(out, at_place, out=out)

    def places_of(self, products: Array) -> list[Array]:
        """View the sums at each place of a pool (rows, out_channels, across · batch)."""
        pool, across = self.pool_size, products.shape[-1]
        by_place = products[0].reshape(-1, pool**2, self.output_shape[0], across)
        return [by_place[:, place] for place in range(pool**2)]

    def all_sums(self, products: Array) -> Array:
        """View all sums."""
        whole: Array = products[0]
        return whole

    def fold(self, grad_unrolled: Array) -> Array:
        """View the gradient of V column by column."""
        _, rows, _, across = grad_unrolled.shape
        return grad_unrolled.reshape(rows, self.window, self.input_shape[0], across)
