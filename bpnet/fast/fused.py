"""Compute a convolution together with the pooling and the ReLU after it, tile by tile."""

import math

import numpy as np

from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array, Cache, Layer, Shape


class FusedConv(Layer[Cache]):
    """Compute `y = max(pool(W ⋆ x + b), 0)` in one go: pooling and ReLU may be left out.

    The order of the two makes no difference: `max(max x, 0) = max(max(x, 0))`, and the gradient
    goes to the first maximum of a block or, where that is not positive, nowhere.

    The outputs before pooling are cut into tiles of T×T. A tile sees a window of w×w inputs,
    w = K + T − 1, which overlaps with the windows beside it.

    Args:
        conv: the convolution, whose sizes are taken; its stride is 1.
        pool_size: side of the blocks whose maximum is kept; 1 keeps everything.
        relu: whether ReLU is applied.
        tile: T, a multiple of the pool size.
    """

    kind = "conv"
    weight: Array  # (out_channels, in_channels, kernel_size, kernel_size)
    bias: Array  # (out_channels,)

    def __init__(self, conv: Conv, pool_size: int, relu: bool, tile: int) -> None:
        assert conv.stride == 1, "windows of a tile lie side by side"
        channels, height, width = self.conv_shape = conv.output_shape
        super().__init__(conv.input_shape, (channels, height // pool_size, width // pool_size))
        self.parameter_shapes = conv.parameter_shapes
        self.kernel_size = conv.kernel_size
        self.padding = conv.padding
        self.has_bias = conv.has_bias
        self.pool_size = pool_size
        self.relu = relu
        self.tile = tile
        self.window = self.kernel_size + tile - 1
        self.rows = -(-self.output_shape[1] * pool_size // tile)
        self.across = -(-self.output_shape[2] * pool_size // tile)

    def multiply_adds(self) -> int:
        """Return one multiply-add per filter weight and output position before pooling."""
        _, height, width = self.conv_shape
        return math.prod(self.parameter_shapes["weight"]) * height * width

    @property
    def padded_shape(self) -> Shape:
        """Return the shape of the input with its border, and with what the last windows see."""
        channels, height, width = self.input_shape
        sides = (height, self.rows), (width, self.across)
        return (
            channels,
            *(
                max(side + 2 * self.padding, self.tile * (tiles - 1) + self.window)
                for side, tiles in sides
            ),
        )

    @property
    def parted_shape(self) -> Shape:
        """Return the shape of a padded picture whose columns are sorted by their number mod T.

        (channels, height, T, ⌈width / T⌉): what one column of all windows of a row sees lies side
        by side, so that sums over overlapping windows are taken in long runs.
        """
        channels, height, width = self.padded_shape
        return (channels, height, self.tile, -(-width // self.tile))

    def window_sums(
        self,
        windows: Array,
        parted: Array,
        rows: slice,
        *,
        first: int = 0,
        down: int = 0,
        right: int = 0,
    ) -> list[tuple[Array, Array]]:
        """Pair regions of a picture with what windows add there, T rows of each window at a time.

        Args:
            windows: of these rows (rows, channels, w, w, across · batch).
            parted: rows of the picture (channels, height, T, ⌈width / T⌉, batch).
            rows: which rows of windows they are, counted from the top of `parted`.
            first: number of the first window in a row that is meant.
            down: rows by which these windows lie below the tiles' own, and
            right: columns by which they lie beside them.

        Returns:
            Pairs of the same shape (rows, channels, ≤T, across · batch), none of whose elements
            is met twice within one pair.
        """
        channel, row, part, group, element = parted.strides
        pairs = []
        for column in range(right, right + windows.shape[3]):
            for top in range(0, windows.shape[2], self.tile):
                elements = windows[:, :, top : top + self.tile, column - right]
                offset = (rows.start * self.tile + down + top) * row
                offset += column % self.tile * part + (first + column // self.tile) * group
                strides = (self.tile * row, channel, row, element)
                place = np.ndarray(elements.shape, parted.dtype, parted, offset, strides)
                pairs.append((place, elements))
        return pairs

    def _join(self, parted: Array, picture: Array, top: int = 0, count: int | None = None) -> None:
        """Write rows of a picture without its border whose columns lie sorted in `parted`.

        Args:
            parted: rows of the padded picture (channels, height, T, ⌈width / T⌉, batch).
            picture: (channels, height, width, batch).
            top: number of the padded row that is the first of `parted`.
            count: how many rows to write, those in the border included.
        """
        _, height, width = self.input_shape
        border = self.padding
        bottom = top + (parted.shape[1] if count is None else count)
        upper, lower = max(top, border), min(bottom, border + height)
        if upper >= lower:
            return
        rows = picture[:, upper - border : lower - border]
        for part in range(self.tile):
            first = (part - border) % self.tile  # the first column of the picture from this part
            groups = len(range(first, width, self.tile))
            start = (first + border) // self.tile
            inside = parted[:, upper - top : lower - top, part, start : start + groups]
            np.copyto(rows[:, :, first :: self.tile], inside)


def place_in(frame: Array, picture: Array, border: int = 0) -> None:
    """Write a picture to its place in a larger one, which is zero elsewhere.

    Args:
        frame: (channels, height, width, batch), overwritten.
        picture: likewise, with fewer rows and columns.
        border: how many rows are above it, and columns to its left.
    """
    _, height, width, _ = picture.shape
    rows = frame[:, border : border + height]
    frame[:, :border] = frame[:, border + height :] = 0
    rows[:, :, :border] = rows[:, :, border + width :] = 0
    rows[:, :, border : border + width] = picture
