"""Convolve tile by tile; pool each tile and apply ReLU to it while it is at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.fast import sizes
from bpnet.fast.filter_layout import FilterLayout
from bpnet.fast.fused import FusedConv
from bpnet.fast.peaks import Flags, keep_largest, mark_first, send_back
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array
from bpnet.nn.memory import Memory, Room


@dataclass(slots=True)
class Rows:
    """Hold some rows of tiles while they are computed, and what backward needs of them.

    Args:
        place: which rows of the output they are.
        columns: X with a last row of ones, (rows, steps², in_channels · w² + 1, across · batch).
        windows: X as windows, (rows, steps, steps, in_channels, w, w, across, batch).
        added: regions of the input's gradient, and the elements of windows that are added there.
        sums: Z, (rows, steps², S² · out_channels, across · batch); backward writes δ there.
        places: Z at each place of a tile, (rows, out_channels, across · batch).
        largest: of all places, of the same shape; empty for a single place.
        found: where the gradient goes to no place, or to an earlier one.
        is_largest: one mask per place.
    """

    place: slice
    columns: Array
    windows: Array
    added: list[tuple[Array, Array]]
    sums: Array
    places: list[Array]
    largest: Array
    found: Flags
    is_largest: list[Flags]


@dataclass(slots=True)
class TiledCache:
    """Keep the unrolled input and the arrays that a call writes.

    Args:
        rows: the blocks of rows, from top to bottom.
        padded: input with its border of zeros, or None where there is no padding.
        numbers: weight, bias and a zero, one after the other; then their gradients.
        filters: W, (S² · out_channels, in_channels · w² + 1).
        grad_rows: gradient of `filters` by each row of a block, and
        grad_filters: by all rows; either way round.
        grad_places: gradient of weight and bias by each of the S² outputs of a column.
        output: (out_channels, out_height, out_width, batch).
        zeros: as long as a row of the output.
        gradients: of weight and bias.
        grad_parted: gradient of the padded input, or None where it is not wanted.
        grad_input: gradient of the input.
    """

    rows: list[Rows]
    padded: Array | None
    numbers: Array
    filters: Array
    grad_rows: Array
    grad_filters: Array
    grad_places: Array
    output: Array
    zeros: Array
    gradients: Mapping[str, Array]
    grad_parted: Array | None
    grad_input: Array | None


class TiledConv(FusedConv[TiledCache]):
    """Convolve, pool and apply ReLU, one tile of outputs per block of the pool.

    The windows X of the input, laid side by side as columns, give the sums by one product:

        Z = W X,   y = max(max_places Z, 0),   dW = δ Xᵀ,   dX = Wᵀ δ,

    with δ the output's gradient at the place of each maximum. The places of a pool lie in blocks
    of their own; the bias is one more column of W, against a row of ones in X. Products are taken
    row by row: those of small matrices need no packing and are up to three times as fast.

    A column may serve one output, or the S×S outputs of a tile at once: its window then has w×w
    inputs, w = K + S − 1, and W holds each filter at its S² places in it, the rest zeros. That
    copies less and multiplies more, which pays where filters are few.

    The results are those of Conv, MaxPool and ReLU within rounding.
    """

    def __init__(self, conv: Conv, pool_size: int = 1, relu: bool = False) -> None:
        super().__init__(conv, pool_size, relu, tile=pool_size)
        self.selects = pool_size > 1 or relu
        self.spread = 1 if self.output_shape[0] >= sizes.chosen().many_filters else pool_size
        self.steps = pool_size // self.spread
        self.layout = FilterLayout(self.parameter_shapes["weight"], self.spread)
        self.side = self.layout.side

    def allocate(self, room: Room) -> TiledCache:
        """Reserve the unrolled input, the sums and masks of all rows, and the output."""
        batch, memory = room.batch, room.memory
        _, out_height, out_width = self.output_shape
        tall, wide = self.layout.shape
        across = out_width * batch
        per_row = self.steps**2 * (tall + wide) * across
        per_block = max(1, min(out_height, sizes.chosen().tiled_block // per_row))
        grad_parted = room.for_input_gradient(*self.parted_shape)
        turned = (wide, tall) if self.layout.turned else (tall, wide)
        return TiledCache(
            rows=self._allocate_rows(batch, grad_parted, per_block, memory),
            padded=room.zeros(*self.padded_shape) if self.padding else None,
            numbers=np.zeros(self.layout.parameters + 1, dtype=memory.dtype),
            filters=memory.array(tall, wide),
            grad_rows=memory.for_backward(per_block, self.steps**2, *turned),
            grad_filters=memory.for_backward(2, tall * wide),
            grad_places=memory.for_backward(*self.layout.elements.shape),
            output=room.array(*self.output_shape),
            zeros=np.zeros(across, dtype=memory.dtype),
            gradients=room.gradients,
            grad_parted=grad_parted,
            grad_input=room.for_input_gradient(*self.input_shape),
        )

    def _allocate_rows(
        self, batch: int, grad_parted: Array | None, per_block: int, memory: Memory
    ) -> list[Rows]:
        """Reserve all rows for training; where no backward follows, blocks use the same memory."""
        out_channels, out_height, out_width = self.output_shape
        tall, wide = self.layout.shape
        across, places = out_width * batch, self.pool_size**2
        steps, kept = self.steps**2, out_height if memory.training else per_block
        columns = memory.array(kept, steps, wide, across)
        sums = memory.array(per_block, steps, tall, across)
        largest = memory.array(per_block if places > 1 else 0, out_channels, across)
        found = memory.for_backward(per_block, out_channels, across, dtype=np.bool_)
        masks = memory.for_backward(
            places if self.selects else 0, out_height, out_channels, across, dtype=np.bool_
        )
        window = (self.input_shape[0], self.side, self.side)
        blocks = []
        for start in range(0, out_height, per_block):
            place = slice(start, min(start + per_block, out_height))
            count = place.stop - start
            own = columns[place] if memory.training else columns[:count]
            windows = own[:, :, :-1].reshape(count, self.steps, self.steps, *window, across)
            by_place = sums[:count].reshape(count, places, out_channels, across)
            blocks.append(
                Rows(
                    place=place,
                    columns=own,
                    windows=windows.reshape(*windows.shape[:-1], out_width, batch),
                    added=[]
                    if grad_parted is None
                    else [
                        pair
                        for down in range(self.steps)
                        for right in range(self.steps)
                        for pair in self.window_sums(
                            windows[:, down, right], grad_parted, place, down=down, right=right
                        )
                    ],
                    sums=sums[:count],
                    places=[by_place[:, number] for number in range(places)],
                    largest=largest[:count],
                    found=found[:count],
                    is_largest=[mask[place] for mask in masks],
                )
            )
        return blocks

    def forward(self, x: Array, cache: TiledCache) -> Array:
        """Return `max(max_places W X + b, 0)`, (out_channels, out_height, out_width, batch)."""
        if cache.padded is not None:
            self._inside(cache.padded)[...] = x  # the border stays zero
            x = cache.padded
        bias = self.bias if self.has_bias else None
        self.layout.write(self.weight, bias, cache.numbers, cache.filters)
        windows, output = self._windows(x), _by_row(cache.output)
        for rows in cache.rows:
            rows.columns[:, :, -1] = 1
            np.copyto(rows.windows, windows[rows.place])
            if self.pool_size == 1:
                y = output[rows.place]
                np.matmul(cache.filters, rows.columns, out=y[:, None])
            else:
                y = rows.largest
                np.matmul(cache.filters, rows.columns, out=rows.sums)
                keep_largest(rows.places, y)
            if rows.is_largest:
                mark_first(rows.places, y, rows.found, rows.is_largest, positive=self.relu)
            if self.relu:
                np.maximum(y, cache.zeros, out=y)
            if self.pool_size > 1:
                np.copyto(output[rows.place], y)
        return cache.output

    def backward(self, grad_output: Array, cache: TiledCache) -> Array:
        """Write `dW = δ Xᵀ` and `db = δ 1`; add the columns of `Wᵀ δ` where they came from."""
        delta = _by_row(grad_output)
        grad_filters, of_block = cache.grad_filters
        grad_filters.fill(0)
        if cache.grad_parted is not None:
            cache.grad_parted.fill(0)
        for rows in cache.rows:
            grad = delta[rows.place]
            if self.pool_size > 1:
                np.copyto(rows.largest, grad)
                grad = rows.largest
            if self.selects:
                send_back(grad, rows.is_largest, rows.places)
            else:
                np.copyto(rows.places[0], grad)
            grad_rows = cache.grad_rows[: len(rows.sums)]
            if self.layout.turned:
                np.matmul(rows.columns, rows.sums.swapaxes(2, 3), out=grad_rows)
            else:
                np.matmul(rows.sums, rows.columns.swapaxes(2, 3), out=grad_rows)
            np.add.reduce(grad_rows.reshape(-1, of_block.size), axis=0, out=of_block)
            grad_filters += of_block
            if cache.grad_parted is not None:
                np.matmul(cache.filters[:, :-1].T, rows.sums, out=rows.columns[:, :, :-1])
                for part, elements in rows.added:
                    np.add(part, elements, out=part)
        self.layout.read(grad_filters, cache.grad_places, cache.numbers, cache.gradients)
        if cache.grad_parted is None or cache.grad_input is None:
            return grad_output
        self._join(cache.grad_parted, cache.grad_input)
        return cache.grad_input

    def kinks(self, cache: TiledCache) -> Sequence[Flags]:
        """Return where each maximum was, and whether it was positive."""
        return [flags for rows in cache.rows for flags in rows.is_largest]

    def _windows(self, padded: Array) -> Array:
        """View an input as windows: (rows, steps, steps, channels, w, w, across, batch)."""
        channel, row, column, sample = padded.strides
        steps, side = self.steps, self.side
        return np.ndarray(
            (
                *(self.rows, steps, steps, len(padded), side, side),
                *(self.across, padded.shape[-1]),
            ),
            padded.dtype,
            padded,
            strides=(
                *(self.tile * row, row, column, channel, row, column),
                *(self.tile * column, sample),
            ),
        )


def _by_row(picture: Array) -> Array:
    """View (channels, height, width, batch) as (height, channels, width · batch)."""
    channels, height, _, _ = picture.shape
    return picture.reshape(channels, height, -1).transpose(1, 0, 2)
