"""Slide learned filters over a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from bpnet.nn import facts
from bpnet.nn.facts import MOST_OUTPUTS, MOST_PIXELS, Formulas, Option
from bpnet.nn.layer import Array, Layer, Shape, ShapeError
from bpnet.nn.memory import Room


@dataclass(slots=True, eq=False)
class ConvCache:
    """Keep the unrolled input and the arrays that a call writes.

    Args:
        padded: input with its border of zeros, or None where there is no padding.
        columns: (in_channels · K · K, positions · batch), the windows of the input side by side;
            backward writes their gradient over them.
        output: (out_channels, out_height, out_width, batch).
        ones: (positions · batch,).
        gradients: of the parameters, by role.
        grad_padded: gradient of the padded input, or None where it is not wanted.
    """

    padded: Array | None
    columns: Array
    output: Array
    ones: Array
    gradients: Mapping[str, Array]
    grad_padded: Array | None


class Conv(Layer[ConvCache]):
    """Compute `z_o = Σ_c W_oc ⋆ x_c + b_o`, the cross-correlation of the input with each filter.

    The windows of the input are laid side by side as columns, so that the convolution and both
    of its gradients are matrix products: `Z = W X`, `dW = δ Xᵀ`, `dX = Wᵀ δ`.

    Args:
        input_shape: (in_channels, height, width).
        out_channels: number of filters.
        kernel_size: side of a filter in pixels.
        stride: pixels from one window to the next.
        padding: rows and columns of zeros added on every side.
        bias: whether `b` is added.

    Source: LeCun et al., 1989; as matrix products: Chellapilla, Puri and Simard, 2006.
    """

    kind = "conv"
    options = (
        Option("out", "out_channels", int, 1, MOST_OUTPUTS, positional=True),
        Option("kernel", "kernel_size", int, 1, MOST_PIXELS, required=True),
        Option("stride", "stride", int, 1, MOST_PIXELS),
        Option("padding", "padding", int, 0, MOST_PIXELS),
        Option("bias", "bias", bool),
    )
    mistake = facts.TURNED_FILTERS
    other_mistakes = (facts.ACCUMULATION, facts.MEAN_OVER_PLACES)
    weight: Array  # (out_channels, in_channels, kernel_size, kernel_size)
    bias: Array  # (out_channels,)

    def __init__(
        self,
        input_shape: Shape,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        if len(input_shape) != 3:
            raise ShapeError("conv takes a picture (channels, height, width)")
        in_channels, height, width = input_shape
        if kernel_size > min(height, width) + 2 * padding:
            raise ShapeError(f"a kernel of {kernel_size} is larger than the padded picture")
        out_height = (height + 2 * padding - kernel_size) // stride + 1
        out_width = (width + 2 * padding - kernel_size) // stride + 1
        super().__init__(input_shape, (out_channels, out_height, out_width))
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.has_bias = bias
        self.parameter_shapes = {"weight": (out_channels, in_channels, kernel_size, kernel_size)}
        if bias:
            self.parameter_shapes["bias"] = (out_channels,)

    def allocate(self, room: Room) -> ConvCache:
        """Reserve the unrolled input, the output and, where padded, the input with its border."""
        channels, height, width = self.input_shape
        _, out_height, out_width = self.output_shape
        positions = out_height * out_width * room.batch
        padded = (channels, height + 2 * self.padding, width + 2 * self.padding)
        return ConvCache(
            padded=room.zeros(*padded) if self.padding else None,
            columns=room.memory.array(channels * self.kernel_size**2, positions),
            output=room.array(*self.output_shape),
            ones=np.ones(positions, dtype=room.dtype),
            gradients=room.gradients,
            grad_padded=room.for_input_gradient(*padded),
        )

    def forward(self, x: Array, cache: ConvCache) -> Array:
        """Return `Z = W X + b`, shape (out_channels, out_height, out_width, batch)."""
        if cache.padded is not None:
            self._inside(cache.padded)[...] = x  # the border stays zero
            x = cache.padded
        np.copyto(cache.columns.reshape(self._windows(x).shape), self._windows(x))
        z = cache.output.reshape(len(self.weight), -1)
        np.matmul(self._rows(self.weight), cache.columns, out=z)
        if self.has_bias:
            z += self.bias[:, None]
        return cache.output

    def backward(self, grad_output: Array, cache: ConvCache) -> Array:
        """Write `dW = δ Xᵀ` and `db = δ 1`; add the columns of `Wᵀ δ` where they came from."""
        delta = grad_output.reshape(len(self.weight), -1)
        np.matmul(delta, cache.columns.T, out=self._rows(cache.gradients["weight"]))
        if self.has_bias:
            np.matmul(delta, cache.ones, out=cache.gradients["bias"])
        if cache.grad_padded is None:
            return grad_output
        np.matmul(self._rows(self.weight).T, delta, out=cache.columns)
        self._add_windows(cache.columns, cache.grad_padded)
        return self._inside(cache.grad_padded) if self.padding else cache.grad_padded

    @staticmethod
    def _rows(weight: Array) -> Array:
        """View filters (out, in, K, K) as the rows of a matrix."""
        return weight.reshape(len(weight), -1)

    def _inside(self, padded: Array) -> Array:
        """View a padded input without its border."""
        _, height, width = self.input_shape
        return padded[:, self.padding :, self.padding :][:, :height, :width]

    def _windows(self, x: Array) -> NDArray[Any]:
        """View `x` as its windows: (channels, K, K, out_height, out_width, batch)."""
        _, out_height, out_width = self.output_shape
        channel, row, column, sample = x.strides
        kernel, stride = self.kernel_size, self.stride
        return as_strided(
            x,
            (len(x), kernel, kernel, out_height, out_width, x.shape[-1]),
            (channel, row, column, stride * row, stride * column, sample),
        )

    def _add_windows(self, columns: Array, picture: Array) -> None:
        """Overwrite `picture` by the sum of the columns at the places that they were taken from."""
        windows = self._windows(picture)
        columns = columns.reshape(windows.shape)
        picture.fill(0)
        for row in range(self.kernel_size):
            for column in range(self.kernel_size):
                windows[:, row, column] += columns[:, row, column]

    def activations(self) -> int:
        """Return the numbers of the output, the unrolled input and the input with its border."""
        channels, height, width = self.input_shape
        positions = super().activations() // self.output_shape[0]
        padded = channels * (height + 2 * self.padding) * (width + 2 * self.padding)
        return super().activations() + channels * self.kernel_size**2 * positions + padded

    def multiply_adds(self) -> int:
        """Return one multiply-add per filter weight and output position."""
        _, out_height, out_width = self.output_shape
        return int(np.prod(self.parameter_shapes["weight"])) * out_height * out_width

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        gradients = {"weight": "dW = δ Xᵀ"} | ({"bias": "db = δ 1"} if self.has_bias else {})
        return Formulas(
            "z_o = Σ_c W_oc ⋆ x_c" + (" + b_o" if self.has_bias else ""),
            "∂z_o/∂x_c = W_oc at each window, 0 beside it",
            "dX = Wᵀ δ",
            gradients,
        )
