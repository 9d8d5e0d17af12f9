"""Slide 3×3 filters over a picture with a quarter of the multiplications."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

from bpnet.nn.conv import Convolution
from bpnet.nn.layer import Array, Memory, Shape

TILE = 4  # outputs per side of a tile
WINDOW = 6  # inputs per side that the outputs of a tile see
OVERLAP = WINDOW - TILE  # inputs per side that a window shares with the next
POINTS = WINDOW**2  # products per tile, filter and input channel, where Conv needs 9 · 16

# Filters and inputs are polynomials, evaluated at 0, 1, −1, 2, −2 and ∞ and multiplied there.
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
B_TRANSPOSED = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
A_TRANSPOSED = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
)
ONE_ONE = WINDOW + 1  # Aᵀ's column for the point 1 is all ones: a sum there reaches every output


@dataclass(frozen=True, slots=True)
class Maps:
    """Hold `X ↦ T X Tᵀ` as one matrix, `T ⊗ T`, on the elements of X in reading order.

    Args:
        filters: G ⊗ G, (36, 9).
        inputs: Bᵀ ⊗ Bᵀ, (36, 36).
        outputs: Aᵀ ⊗ Aᵀ, (16, 36).
    """

    filters: Array
    inputs: Array
    outputs: Array

    @classmethod
    def of(cls, dtype: DTypeLike) -> "Maps":
        """Return the maps in one element type."""
        return cls(*(np.kron(side, side).astype(dtype) for side in (G, B_TRANSPOSED, A_TRANSPOSED)))


@dataclass(slots=True)
class WinogradCache:
    """Keep the mapped input and the arrays that a call writes, most of them for one row of tiles.

    Args:
        maps: from pictures to points and back.
        padded: input with a border of zeros, or None where windows cover the input exactly.
        windows: d, (6, 6, in_channels, columns, batch).
        inputs: V, (rows or 1, 36, in_channels, columns · batch): all rows in training, where
            backward writes their gradient over them.
        filters: U, (36, out_channels, in_channels).
        products: M or its gradient, (36, out_channels, columns · batch).
        tiles: Y or its gradient, (4, 4, out_channels, columns, batch).
        plane: the output as whole tiles; the output itself where these cover it exactly.
        output: (out_channels, out_height, out_width, batch).
        ones: (columns · batch,).
        gradients: of weight and bias.
        grad_filters: dU of all rows of tiles so far, and of one.
        grad_plane: gradient of the output with zeros beyond it, or None where tiles cover it.
        grad_overlap: gradient that a row of windows leaves to the next,
            (2, 6, in_channels, columns, batch).
        grad_padded: gradient of the padded input, or None where nobody wants it.
    """

    maps: Maps
    padded: Array | None
    windows: Array
    inputs: Array
    filters: Array
    products: Array
    tiles: Array
    plane: Array
    output: Array
    ones: Array
    gradients: Mapping[str, Array]
    grad_filters: Array
    grad_plane: Array | None
    grad_overlap: Array
    grad_padded: Array | None


def suits(
    input_shape: Shape, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0
) -> bool:
    """Return whether a convolution is faster this way: 3×3, unstrided, with many channels.

    Tiles must not reach far beyond the output either. Where both hold, the plain layer has been
    seen to take 1.2 to 2.2 times as long on shards of 32 samples; with 8 channels, or 5×5 outputs,
    this one is slower.
    """
    if kernel_size != 3 or stride != 1 or min(input_shape[0], out_channels) < 16:
        return False
    height, width = (side + 2 * padding - 2 for side in input_shape[1:])
    computed = TILE**2 * -(-height // TILE) * -(-width // TILE)
    return height * width >= 0.75 * computed


class WinogradConv(Convolution[WinogradCache]):
    """Convolve with 3×3 filters by F(4×4, 3×3): 36 products for 16 outputs instead of 144.

    For each tile Y of 4×4 outputs, window d of 6×6 inputs and filter g,

        Y = Aᵀ M A,   M = Σ_c U ⊙ V,   U = G g Gᵀ,   V = Bᵀ d B,

    and backward is the transpose of every step:

        dM = A dY Aᵀ,   dU = dM Vᵀ,   dV = Uᵀ dM,   dg = Gᵀ dU G,   dd = B dV Bᵀ.

    At each of the 36 points the sum over channels is a matrix product, over all tiles and samples
    at once. One row of tiles at a time, so that the steps pass on what the processor still has in
    its cache. Where tiles reach beyond the output they see zeros. The results are those of Conv
    within rounding.

    Source: Winograd, 1980; Lavin and Gray, 2016, section 4.
    """

    def __init__(
        self,
        input_shape: Shape,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        assert kernel_size == 3, "Winograd's filters are 3×3"
        assert stride == 1, "Winograd's windows lie side by side"
        super().__init__(input_shape, out_channels, kernel_size, stride, padding, bias)
        _, out_height, out_width = self.output_shape
        self.rows, self.columns = -(-out_height // TILE), -(-out_width // TILE)

    def allocate(
        self,
        batch: int,
        memory: Memory,
        gradients: Mapping[str, Array],
        *,
        needs_grad_input: bool,
    ) -> WinogradCache:
        """Reserve the mapped input, one row of everything between, and the output."""
        (in_channels, *sides), out_channels = self.input_shape, self.output_shape[0]
        across, kept_rows = self.columns * batch, self.rows if memory.training else 1
        whole = (out_channels, TILE * self.rows, TILE * self.columns, batch)
        padded = (in_channels, whole[1] + OVERLAP, whole[2] + OVERLAP, batch)
        fits = whole[1:3] == self.output_shape[1:]
        output = memory.array(*self.output_shape, batch)
        overlap = (OVERLAP, WINDOW, in_channels, self.columns, batch) if needs_grad_input else (0,)
        return WinogradCache(
            maps=Maps.of(memory.dtype),
            padded=None if padded[1:3] == tuple(sides) else memory.zeros(*padded),
            windows=memory.array(WINDOW, WINDOW, in_channels, self.columns, batch),
            inputs=memory.array(kept_rows, POINTS, in_channels, across),
            filters=memory.array(POINTS, out_channels, in_channels),
            products=memory.array(POINTS, out_channels, across),
            tiles=memory.array(TILE, TILE, out_channels, self.columns, batch),
            plane=output if fits else memory.array(*whole),
            output=output,
            ones=np.ones(across, dtype=memory.dtype),
            gradients=gradients,
            grad_filters=memory.for_backward(2, POINTS, out_channels, in_channels),
            grad_plane=memory.zeros(*whole) if memory.training and not fits else None,
            grad_overlap=memory.array(*overlap),
            grad_padded=memory.array(*padded) if needs_grad_input else None,
        )

    def forward(self, x: Array, cache: WinogradCache) -> Array:
        """Return `Y = Aᵀ M A + b`, shape (out_channels, out_height, out_width, batch)."""
        maps, products = cache.maps, cache.products
        if cache.padded is not None:
            self._inside(cache.padded)[...] = x  # the border stays zero
            x = cache.padded
        np.matmul(maps.filters, self.weight.reshape(-1, 9).T, out=_flat(cache.filters))
        windows, tiles = self._squares(x, WINDOW), self._squares(cache.plane, TILE)
        for row in range(self.rows):
            inputs = cache.inputs[row % len(cache.inputs)]
            np.copyto(cache.windows, windows[row])
            np.matmul(maps.inputs, cache.windows.reshape(POINTS, -1), out=_flat(inputs))
            np.matmul(cache.filters, inputs, out=products)
            if self.has_bias:
                products[ONE_ONE] += self.bias[:, None]
            np.matmul(maps.outputs, _flat(products), out=cache.tiles.reshape(TILE**2, -1))
            np.copyto(tiles[row], cache.tiles)
        if cache.plane is not cache.output:
            np.copyto(cache.output, self._covered(cache.plane))
        return cache.output

    def backward(self, grad_output: Array, cache: WinogradCache) -> Array:
        """Write `dg = Gᵀ dU G` and `db = δ 1`; return the sum of the windows' `dd = B dV Bᵀ`."""
        maps, grad_products = cache.maps, cache.products
        delta = grad_output
        if cache.grad_plane is not None:
            self._covered(cache.grad_plane)[...] = delta  # the rest stays zero
            delta = cache.grad_plane
        grad_filters, of_row = cache.grad_filters
        for summed in (grad_filters, cache.grad_overlap, *cache.gradients.values()):
            summed.fill(0)
        tiles = self._squares(delta, TILE)
        for row, inputs in enumerate(cache.inputs):
            np.copyto(cache.tiles, tiles[row])
            np.matmul(maps.outputs.T, cache.tiles.reshape(TILE**2, -1), out=_flat(grad_products))
            grad_filters += np.matmul(grad_products, inputs.transpose(0, 2, 1), out=of_row)
            if self.has_bias:
                cache.gradients["bias"] += grad_products[ONE_ONE] @ cache.ones
            if cache.grad_padded is not None:
                np.matmul(cache.filters.transpose(0, 2, 1), grad_products, out=inputs)
                np.matmul(maps.inputs.T, _flat(inputs), out=cache.windows.reshape(POINTS, -1))
                self._put(cache, self._squares(cache.grad_padded, WINDOW)[row])
        grad_weight = cache.gradients["weight"].reshape(-1, 9)
        np.matmul(_flat(grad_filters).T, maps.filters, out=grad_weight)
        return grad_output if cache.grad_padded is None else self._inside(cache.grad_padded)

    @staticmethod
    def _put(cache: WinogradCache, places: NDArray[Any]) -> None:
        """Write a row of windows to its places in a picture and add them up where they overlap.

        They are added while still side by side, in runs of many samples, and then copied: half
        the time of adding them in the picture.
        """
        windows = cache.windows
        windows[:, :OVERLAP, :, 1:] += windows[:, TILE:, :, :-1]
        windows[:OVERLAP] += cache.grad_overlap
        np.copyto(cache.grad_overlap, windows[TILE:])
        np.copyto(places[:, :TILE], windows[:, :TILE])
        np.copyto(places[:, TILE:, :, -1], windows[:, TILE:, :, -1])

    def _inside(self, padded: Array) -> Array:
        """View a padded input without its border."""
        _, height, width = self.input_shape
        return padded[:, self.padding :, self.padding :][:, :height, :width]

    def _covered(self, plane: Array) -> Array:
        """View whole tiles without what reaches beyond the output."""
        _, out_height, out_width = self.output_shape
        return plane[:, :out_height, :out_width]

    def _squares(self, plane: Array, side: int) -> NDArray[Any]:
        """View the squares of all tiles: (rows, side, side, channels, columns, batch)."""
        channel, row, column, sample = plane.strides
        return as_strided(
            plane,
            (self.rows, side, side, len(plane), self.columns, plane.shape[-1]),
            (TILE * row, row, column, channel, TILE * column, sample),
        )


def _flat(array: Array) -> Array:
    """View an array as one row per point."""
    return array.reshape(POINTS, -1)
