"""Slide 3×3 filters over a picture with a quarter, or four ninths, of the multiplications."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.fast import sizes
from bpnet.fast.fused import FusedConv, place_in
from bpnet.fast.peaks import Flags, keep_largest, mark_first, send_back
from bpnet.fast.row_products import OuterProducts
from bpnet.fast.winograd_cache import Tiles, WinogradCache, view
from bpnet.fast.winograd_maps import Maps, by_channel
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array
from bpnet.nn.memory import Memory, Room


class WinogradConv(FusedConv[WinogradCache]):
    """Convolve with 3×3 filters by F(T×T, 3×3): for T = 4, 36 products for 16 outputs, not 144.

    For each tile Y of T×T outputs, window d of w×w inputs, w = T + 2, and filter g,

        Y = Aᵀ M A,   M = Σ_c U ⊙ V,   U = G g Gᵀ,   V = Bᵀ d B,

    and backward is the transpose of every step:

        dM = A dY Aᵀ,   dU = dM Vᵀ,   dV = Uᵀ dM,   dg = Gᵀ dU G,   dd = B dV Bᵀ.

    At each of the w² points the sum over channels is a matrix product, over many tiles and samples
    at once. One block of tiles at a time, so that the steps pass on what the processor still has in
    its cache; pooling and ReLU take part in that. Where tiles reach beyond the output they see
    zeros. The results are those of Conv, MaxPool and ReLU within rounding, which may break ties.

    Source: Winograd, 1980; Lavin and Gray, 2016, section 4.
    """

    def __init__(self, conv: Conv, tile: int = 4, pool_size: int = 1, relu: bool = False) -> None:
        assert conv.kernel_size == 3, "Winograd's filters are 3×3"
        super().__init__(conv, pool_size, relu, tile)
        self.selects = pool_size > 1 or relu
        self.points = self.window**2
        self.one_one = self.window + 1  # Aᵀ's column for 1 is all ones: a sum there is everywhere

    def allocate(self, room: Room) -> WinogradCache:
        """Reserve the mapped input and the masks, one block of everything between, the output."""
        batch, memory, wanted = room.batch, room.memory, room.wants_input_gradient
        in_channels, out_channels = self.input_shape[0], self.output_shape[0]
        side = self.tile // self.pool_size
        whole = (out_channels, side * self.rows, side * self.across, batch)
        fits = whole[1:3] == self.output_shape[1:]
        is_framed = self.padded_shape != self.input_shape
        output = memory.array(*self.output_shape, batch)
        keeps = memory.training and self._mapped(batch) <= sizes.chosen().winograd_kept
        one = self._allocate_block(batch, keeps, memory)
        frame = memory.scratch_used
        padded = memory.scratch(*self.padded_shape, batch) if is_framed else None
        of_both_ways = frame if keeps else memory.scratch_used
        plane = output if fits else memory.scratch(*whole)
        memory.scratch_used = of_both_ways
        strip = memory.scratch(*self._strip_shape(batch)) if wanted else None
        blocks = self._allocate_blocks(batch, keeps, one, strip, memory)
        return WinogradCache(
            maps=Maps.of(self.tile, memory.dtype),
            blocks=blocks,
            padded=padded,
            filters=memory.array(self.points, out_channels, in_channels),
            plane=plane,
            output=output,
            ones=np.ones(blocks[0].inputs.shape[-1], dtype=memory.dtype),
            zeros=np.zeros((blocks[0].windows.shape[-2], batch), dtype=memory.dtype),
            gradients=room.gradients,
            grad_filters=OuterProducts(self.points, 1, out_channels, in_channels, memory),
            grad_plane=memory.scratch(*whole) if memory.training and not fits else None,
            grad_inputs=memory.scratch(blocks[0].inputs.size if wanted else 0) if keeps else one[0],
            strip=strip,
            keeps_inputs=keeps,
            grad_input=room.for_input_gradient(*self.input_shape),
        )

    def _widest(self, batch: int) -> int:
        """Return how many tiles the largest block has."""
        in_channels, out_channels = self.input_shape[0], self.output_shape[0]
        numbers = self.points * (2 * in_channels + out_channels) + self.tile**2 * out_channels
        most = sizes.chosen().winograd_block
        blocks_per_row = min(self.across, -(-self.across * batch * numbers // most))
        return -(-self.across // blocks_per_row)

    def _mapped(self, batch: int) -> int:
        """Return how many numbers V has."""
        return self.rows * self.across * self.points * self.input_shape[0] * batch

    def _allocate_block(self, batch: int, keeps: bool, memory: Memory) -> list[NDArray[Any]]:
        """Reserve V, of all blocks where it is kept, and what all use one after the other."""
        in_channels, out_channels = self.input_shape[0], self.output_shape[0]
        samples, side = self._widest(batch) * batch, self.tile // self.pool_size
        pooled, points = out_channels * side**2 * samples, self.points * in_channels
        kept = memory.array(self._mapped(batch) if keeps else 0)
        return [
            kept if keeps else memory.scratch(samples * points),
            memory.scratch(samples * points),
            memory.scratch(self.points * out_channels * samples),
            memory.scratch(out_channels * self.tile**2 * samples),
            memory.scratch(pooled),
            memory.scratch(pooled if memory.training else 0, dtype=np.bool_),
        ]

    def _allocate_blocks(
        self,
        batch: int,
        keeps: bool,
        one: list[NDArray[Any]],
        strip: Array | None,
        memory: Memory,
    ) -> list[Tiles]:
        """Reserve masks of all tiles, and cut everything into blocks."""
        in_channels, out_channels = self.input_shape[0], self.output_shape[0]
        inputs, windows, products, sums, largest, found = one
        pool, side, widest = self.pool_size, self.tile // self.pool_size, self._widest(batch)
        masks = pool**2 if memory.training and self.selects else 0
        flags_of_tile = masks * side**2 * out_channels * batch
        mask = memory.array(self.rows * self.across * flags_of_tile, dtype=np.bool_)
        before = 0  # tiles in the blocks
        blocks = []
        height = 0 if strip is None else self._rows_of(strip)
        for row in range(self.rows):
            in_strip = slice(row % height, row % height + 1) if height else slice(0, 1)
            for start in range(0, self.across, widest):
                columns = slice(start, min(start + widest, self.across))
                count = columns.stop - start
                shape = (side, side, out_channels, count, batch)
                size = math.prod(shape)
                own = inputs[(before if keeps else 0) * self.points * in_channels * batch :]
                flags = mask[before * flags_of_tile :]
                window = view(windows, in_channels, self.window, self.window, count * batch)
                tile = view(sums, side, pool, side, pool, out_channels, count, batch)
                places = [tile[:, i, :, j] for i in range(pool) for j in range(pool)]
                blocks.append(
                    Tiles(
                        row=row,
                        columns=columns,
                        windows=window.reshape(*window.shape[:3], count, batch),
                        inputs=view(own, self.points, in_channels, count * batch),
                        products=view(products, self.points, out_channels, count * batch),
                        sums=tile.reshape(self.tile**2, out_channels, count * batch),
                        places=places,
                        largest=view(largest, *shape),
                        found=found[:size].reshape(shape) if masks else found,
                        is_largest=list(view(flags, masks, *shape)),
                        added=[]
                        if strip is None
                        else self.window_sums(window[None], strip, in_strip, first=start),
                    )
                )
                before += count
        return blocks

    def forward(self, x: Array, cache: WinogradCache) -> Array:
        """Return `max(pool(Aᵀ M A + b), 0)`, (out_channels, out_height, out_width, batch)."""
        cache.x, maps = x, cache.maps
        filters = cache.filters.reshape(self.points, -1)
        np.matmul(maps.filters, self.weight.reshape(-1, 9).T, out=filters)
        windows, plane = self._windows(cache), self._by_tile(cache.plane)
        for block in cache.blocks:
            self._map(block, windows, maps)
            np.matmul(cache.filters, block.inputs, out=block.products)
            if self.has_bias:
                block.products[self.one_one] += self.bias[:, None]
            by_channel(maps.outputs, block.products, block.sums)
            self._finish(block, plane[block.row, ..., block.columns, :], cache.zeros)
        if cache.plane is not cache.output:
            np.copyto(cache.output, self._covered(cache.plane))
        return cache.output

    def _map(self, block: Tiles, windows: Array, maps: Maps) -> None:
        """Compute `V = Bᵀ d B`."""
        np.copyto(block.windows, windows[block.row, :, :, :, block.columns])
        windows_by_point = block.windows.reshape(len(block.windows), self.points, -1)
        np.matmul(maps.inputs, windows_by_point, out=block.inputs.transpose(1, 0, 2))

    def _finish(self, block: Tiles, output: Array, zeros: Array) -> None:
        """Pool, apply ReLU, and note where the gradient will go."""
        largest = block.places[0]
        if len(block.places) > 1:
            largest = block.largest
            keep_largest(block.places, largest)
        if block.is_largest:
            above = 0 if self.relu else None
            mark_first(block.places, largest, block.found, block.is_largest, above=above)
        if self.relu:
            np.maximum(largest, zeros[: largest.shape[-2]], out=largest)
        np.copyto(output, largest)  # in short runs, which only copies write fast

    def backward(self, grad_output: Array, cache: WinogradCache) -> Array:
        """Write `dg = Gᵀ dU G` and `db = δ 1`; return the sum of the windows' `dd = B dV Bᵀ`."""
        maps = cache.maps
        if cache.grad_plane is not None:
            place_in(cache.grad_plane, grad_output)
        plane = self._by_tile(grad_output if cache.grad_plane is None else cache.grad_plane)
        if self.has_bias:
            cache.gradients["bias"].fill(0)
        if cache.strip is not None:
            cache.strip.fill(0)
        if cache.grad_input is not None:
            seen = self.tile * (self.rows - 1) + self.window - self.padding
            cache.grad_input[:, seen:].fill(0)  # rows that pooling leaves over
        windows = None if cache.keeps_inputs else self._windows(cache)
        for block in cache.blocks:
            if windows is not None:
                self._map(block, windows, maps)
            np.copyto(block.largest, plane[block.row, ..., block.columns, :])
            if self.selects:
                send_back(block.largest, block.is_largest, block.places)
            else:
                np.copyto(block.places[0], block.largest)
            by_channel(maps.outputs.T, block.sums, block.products)
            is_first = block is cache.blocks[0]
            cache.grad_filters.add(
                block.products[:, None], block.inputs[:, None], is_first=is_first
            )
            if self.has_bias:
                products = block.products[self.one_one]
                cache.gradients["bias"] += products @ cache.ones[: products.shape[-1]]
            if cache.strip is not None:
                self._send_to_input(block, cache)
        grad_weight = cache.gradients["weight"].reshape(-1, 9)
        grad_filters = cache.grad_filters.result().reshape(self.points, -1)
        np.matmul(grad_filters.T, maps.filters, out=grad_weight)
        return grad_output if cache.grad_input is None else cache.grad_input

    def kinks(self, cache: WinogradCache) -> Sequence[Flags]:
        """Return where each maximum was, and whether it was positive.

        Where tiles reach beyond the output, rounding decides between equal sums: left out.
        """
        planes = [np.empty(cache.plane.shape, dtype=np.bool_) for _ in cache.blocks[0].is_largest]
        for block in cache.blocks:
            for plane, flags in zip(map(self._by_tile, planes), block.is_largest, strict=True):
                plane[block.row, ..., block.columns, :] = flags
        return list(map(self._covered, planes))

    def _send_to_input(self, block: Tiles, cache: WinogradCache) -> None:
        """Add `dd = B (Uᵀ dM) Bᵀ` to the input's gradient; after a row's last block, move down."""
        strip, grad_input = cache.strip, cache.grad_input
        assert strip is not None
        assert grad_input is not None
        grad_inputs = view(cache.grad_inputs, *block.inputs.shape)
        np.matmul(cache.filters.transpose(0, 2, 1), block.products, out=grad_inputs)
        windows_by_point = block.windows.reshape(len(block.windows), self.points, -1)
        np.matmul(cache.maps.inputs.T, grad_inputs.transpose(1, 0, 2), out=windows_by_point)
        for place, elements in block.added:
            np.add(place, elements, out=place)
        rows = self._rows_of(strip)
        is_last = block.row == self.rows - 1
        if block.columns.stop == self.across and (is_last or block.row % rows == rows - 1):
            top = block.row // rows * rows * self.tile
            done = self.tile * rows
            self._join(strip, grad_input, top, None if is_last else done)
            for channel in strip:  # NumPy would copy the whole to a place of its own first
                np.copyto(channel[: self.window - self.tile], channel[done:])
            strip[:, self.window - self.tile :].fill(0)

    def _strip_shape(self, batch: int) -> tuple[int, ...]:
        """Return (in_channels, height, T, ⌈width / T⌉, batch) of as many rows as fit the cache."""
        channels, _, parts, groups = self.parted_shape
        per_row = channels * self.tile * parts * groups * batch
        rows = min(self.rows, max(1, sizes.chosen().winograd_strip // per_row))
        return (channels, self.tile * (rows - 1) + self.window, parts, groups, batch)

    def _rows_of(self, strip: Array) -> int:
        """Return how many rows of windows a strip is seen by."""
        return int(strip.shape[1] - self.window) // self.tile + 1

    def _windows(self, cache: WinogradCache) -> Array:
        """View the framed input as windows: (rows, channels, w, w, across, batch)."""
        padded = cache.x
        if cache.padded is not None:
            padded = cache.padded
            place_in(padded, cache.x, self.padding)
        channel, row, column, sample = padded.strides
        return np.ndarray(
            (self.rows, len(padded), self.window, self.window, self.across, padded.shape[-1]),
            padded.dtype,
            padded,
            strides=(self.tile * row, channel, row, column, self.tile * column, sample),
        )

    def _covered(self, plane: NDArray[Any]) -> NDArray[Any]:
        """View whole tiles without what reaches beyond the output."""
        return plane[:, : self.output_shape[1], : self.output_shape[2]]

    def _by_tile(self, plane: NDArray[Any]) -> NDArray[Any]:
        """View a plane as pooled tiles: (rows, T/p, T/p, out_channels, across, batch)."""
        side = self.tile // self.pool_size
        tiles = plane.reshape(len(plane), self.rows, side, self.across, side, plane.shape[-1])
        return tiles.transpose(1, 2, 4, 0, 3, 5)
