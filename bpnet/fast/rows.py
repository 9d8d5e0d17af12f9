"""Convolve row by row: the rows that an output sees lie one after the other, and are not copied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bpnet.fast import sizes
from bpnet.fast.fused import FusedConv
from bpnet.fast.peaks import Flags, keep_largest, mark_first, send_back
from bpnet.fast.row_products import OuterProducts, by_row, overlapping, products_back
from bpnet.fast.rows_cache import Block, RowCache
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array
from bpnet.nn.memory import Memory, Room


class RowConv(FusedConv[RowCache]):
    """Convolve, pool and apply ReLU, some rows at a time, in T columns at once.

    The input is unrolled in its columns alone: V holds, for each of its rows, what T neighbouring
    outputs see of it. As rows lie one after the other, the K rows that a row of outputs sees are
    one matrix as they stand, and rows that overlap are never copied. At each of some points

        M_r = U V_{r … r+K−1},   dU = Σ_r dM_r V_{r … r+K−1}ᵀ,   dV_h = Σ_i U_iᵀ dM_{h−i},

    where the last sum is one product as well. Derived classes say how columns become points, and
    points T sums. The bias is added when the largest sum is known: `max (x + b) = max x + b`.

    The results are those of Conv, MaxPool and ReLU within rounding.

    Args:
        conv: the convolution, whose sizes are taken.
        pool_size: side of the blocks whose maximum is kept; 1 keeps everything.
        relu: whether ReLU is applied.
        tile: T, the columns computed at once.
    """

    points: int
    parts: int  # in which columns are sorted
    depth: int  # numbers of a row of V for each group of columns
    out: int  # rows of M

    def __init__(self, conv: Conv, pool_size: int, relu: bool, tile: int) -> None:
        super().__init__(conv, pool_size, relu, tile)
        self.selects = pool_size > 1 or relu
        self.sum_rows = self.output_shape[1] * pool_size
        self.used_rows = min(
            self.input_shape[1], self.sum_rows + self.kernel_size - 1 - self.padding
        )

    # What derived classes say

    def unroll(self, cache: RowCache) -> None:
        """Compute V from the sorted columns."""

    def write_filters(self, out: Array) -> None:
        """Write U (points, out, K, depth); zeros in it stay zeros."""
        raise NotImplementedError

    def read_filters(self, gradient: Array, out: Array) -> None:
        """Write the gradient of the weight from that of U."""
        raise NotImplementedError

    def combine(self, products: Array) -> None:
        """Turn products M into sums, in place."""

    def spread(self, products: Array) -> None:
        """Turn the gradient of sums into that of M, in place."""

    def places_of(self, products: Array) -> list[Array]:
        """View the sums at each place of a pool (rows, out_channels, across · batch)."""
        raise NotImplementedError

    def all_sums(self, products: Array) -> Array:
        """View what adds up to the sums of every channel (rows, parts · out_channels, …)."""
        raise NotImplementedError

    def fold(self, grad_unrolled: Array) -> Array:
        """Turn the gradient of V, in place, into that of the window's columns (rows, w, …)."""
        raise NotImplementedError

    # Memory

    def allocate(self, room: Room) -> RowCache:
        """Reserve the unrolled input, the sums and masks, and the output."""
        batch, memory, wanted = room.batch, room.memory, room.wants_input_gradient
        across, kernel = self.across * batch, self.kernel_size
        rows = self.sum_rows + kernel - 1
        groups = self.across + (self.window - self.parts) // self.tile
        sorted_shape = (rows, self.parts, self.input_shape[0], groups, batch)
        per_row = self.points * self.pool_size * self.out * across
        per_block = max(1, min(self.output_shape[1], sizes.chosen().row_block // per_row))
        products = memory.scratch(
            self.points,
            self.sum_rows if wanted else per_block * self.pool_size,
            self.out,
            across,
        )
        of_both_ways = memory.scratch_used
        reserve = memory.array if self.points == 1 else memory.scratch
        columns = (memory.zeros if self.padding else reserve)(*sorted_shape)  # zero at the border
        shape = (self.points, rows, self.depth, across)
        unrolled = columns.reshape(shape) if self.points == 1 else memory.array(*shape)
        blocks = self._allocate_blocks(products, per_block, memory)
        memory.scratch_used = of_both_ways
        grad_unrolled = memory.scratch(
            *(self.points, self.used_rows if wanted else 0, self.depth, across)
        )
        filters_back = memory.scratch(*(self.points, self.depth, kernel, self.out if wanted else 0))
        filters = (self.points, self.out, kernel, self.depth)
        return RowCache(
            blocks=blocks,
            columns=columns,
            unrolled=unrolled,
            windows=overlapping(unrolled, kernel),
            filters=np.zeros(filters, dtype=memory.dtype),
            filters_back=filters_back,
            grad_filters=OuterProducts(
                self.points, per_block * self.pool_size, self.out, kernel * self.depth, memory
            ),
            output=room.array(*self.output_shape),
            ones=np.ones(across, dtype=memory.dtype),
            zeros=np.zeros(across, dtype=memory.dtype),
            gradients=room.gradients,
            grad_unrolled=grad_unrolled,
            grad_input=room.for_input_gradient(*self.input_shape),
            back=products_back(filters_back, products, grad_unrolled, self.padding)
            if wanted
            else [],
        )

    def _allocate_blocks(self, products: Array, per_block: int, memory: Memory) -> list[Block]:
        """Reserve masks of all rows; of everything else what one block needs."""
        out_channels, out_height, _ = self.output_shape
        places, across, pool = self.pool_size**2, products.shape[-1], self.pool_size
        whole = products.shape[1] == self.sum_rows
        largest = memory.scratch(per_block if places > 1 else 0, out_channels, across)
        found = memory.scratch(
            per_block if memory.training else 0, out_channels, across, dtype=np.bool_
        )
        masks = memory.for_backward(
            places if self.selects else 0, out_height, out_channels, across, dtype=np.bool_
        )
        blocks = []
        for start in range(0, out_height, per_block):
            rows = slice(start, min(start + per_block, out_height))
            count = rows.stop - start
            first = start * pool if whole else 0
            own = products[:, first : first + count * pool]
            blocks.append(
                Block(
                    rows=rows,
                    products=own,
                    places=self.places_of(own),
                    largest=largest[:count],
                    found=found[:count],
                    is_largest=[mask[rows] for mask in masks],
                )
            )
        return blocks

    # Passes

    def forward(self, x: Array, cache: RowCache) -> Array:
        """Return `max(max_places (U V) + b, 0)`, (out_channels, out_height, out_width, batch)."""
        inside = cache.columns[self.padding :][: self.used_rows]
        for part in range(self.parts):
            groups, pixels = self.column(x, part, cache.columns.shape[3])
            np.copyto(inside[:, part, :, groups], pixels)
        self.unroll(cache)
        self.write_filters(cache.filters)
        filters = cache.filters.reshape(self.points, 1, self.out, -1)
        output = by_row(cache.output)
        for block in cache.blocks:
            y = output[block.rows]
            products = block.products if self.pool_size > 1 else y[None]
            np.matmul(filters, self._seen(cache, block), out=products)
            self.combine(products)
            self._finish(block, y, cache.zeros)
        return cache.output

    def _seen(self, cache: RowCache, block: Block) -> Array:
        """View what the rows of a block see (points, rows, K · depth, across · batch)."""
        pool = self.pool_size
        return cache.windows[:, block.rows.start * pool : block.rows.stop * pool]

    def _finish(self, block: Block, output: Array, zeros: Array) -> None:
        """Pool, note where the gradient will go, add the bias, and apply ReLU."""
        largest, places = output, [output]
        if self.pool_size > 1:
            largest, places = block.largest, block.places
            keep_largest(places, largest)
        bias = self.bias[:, None] if self.has_bias else None
        if block.is_largest:
            above = None if not self.relu else 0 if bias is None else -bias
            mark_first(places, largest, block.found, block.is_largest, above=above)
        if self.relu:
            if bias is not None:
                np.add(largest, bias, out=largest)
            np.maximum(largest, zeros, out=output)
        elif bias is not None:
            np.add(largest, bias, out=output)
        elif self.pool_size > 1:
            np.copyto(output, largest)

    def backward(self, grad_output: Array, cache: RowCache) -> Array:
        """Write the gradients of weight and bias; return that of the input."""
        grad, gradients = by_row(grad_output), cache.gradients
        total = np.zeros(len(grad_output), dtype=grad.dtype)
        for block in cache.blocks:
            if self.selects:
                send_back(grad[block.rows], block.is_largest, block.places)
            else:
                np.copyto(block.places[0], grad[block.rows])
            self.spread(block.products)
            is_first = block is cache.blocks[0]
            cache.grad_filters.add(block.products, self._seen(cache, block), is_first=is_first)
            if self.has_bias:
                sums = np.matmul(self.all_sums(block.products), cache.ones)
                total += np.add.reduce(sums.reshape(-1, len(total)), axis=0)
        grad_filters = cache.grad_filters.result().reshape(cache.filters.shape)
        self.read_filters(grad_filters, gradients["weight"])
        if self.has_bias:
            np.copyto(gradients["bias"], total)
        if cache.grad_input is None:
            return grad_output
        np.copyto(cache.filters_back, cache.filters[:, :, ::-1].transpose(0, 3, 2, 1))
        for filters, of_sums, out in cache.back:
            np.matmul(filters, of_sums, out=out)
        self._add_columns(self.fold(cache.grad_unrolled), cache.grad_input)
        return cache.grad_input

    def _add_columns(self, columns: Array, picture: Array) -> None:
        """Add what the window's columns give to their places in the input's gradient.

        Args:
            columns: (rows, w, in_channels, across · batch).
            picture: (in_channels, height, width, batch), overwritten.
        """
        shape = (*columns.shape[:3], self.across, picture.shape[-1])
        columns = columns.reshape(shape)
        picture[:, self.used_rows :].fill(0)
        picture[:, :, max(0, self.across * self.tile - self.padding) :].fill(0)
        for number in range(self.window):
            groups, pixels = self.column(picture, number, self.across)
            seen = columns[:, number, :, groups]
            if number < self.tile:
                np.copyto(pixels, seen)
            else:
                np.add(pixels, seen, out=pixels)

    def column(self, picture: Array, first: int, groups: int) -> tuple[slice, Array]:
        """View the columns T q + `first` of a picture with its border that are not in the border.

        Args:
            picture: (channels, height, width, batch), without its border.
            first: number of a column.
            groups: how many q there are.

        Returns:
            Which q they are, and the pixels (rows, channels, columns, batch).
        """
        offset = first - self.padding
        start = max(0, -(offset // self.tile))
        stop = max(start, min(groups, -(-(picture.shape[2] - offset) // self.tile)))
        place = self.tile * start + offset
        columns = picture[:, : self.used_rows, place :: self.tile][:, :, : stop - start]
        return slice(start, stop), columns.transpose(1, 0, 2, 3)

    def kinks(self, cache: RowCache) -> Sequence[Flags]:
        """Return where each maximum was, and whether it was positive."""
        return [flags for block in cache.blocks for flags in block.is_largest]
