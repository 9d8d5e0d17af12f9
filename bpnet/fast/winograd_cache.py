"""Keep what Winograd's convolution needs between and during its passes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.fast.peaks import Flags
from bpnet.fast.row_products import OuterProducts
from bpnet.fast.winograd_maps import Maps
from bpnet.nn.layer import Array


@dataclass(slots=True)
class Tiles:
    """Hold some tiles of one row while they are computed, and what backward needs of them.

    Args:
        row: which row they are in.
        columns: where in the row they are.
        windows: d, (in_channels, w, w, tiles, batch); backward writes its gradient there.
        inputs: V, (w², in_channels, tiles · batch); all blocks share it where it is not kept.
        products: M, (w², out_channels, tiles · batch); backward writes its gradient there.
        sums: Y, (T², out_channels, tiles · batch); likewise.
        places: Y at each place of a pool, (T/p, T/p, out_channels, tiles, batch).
        largest: of all places, of the same shape.
        found: where the gradient goes to no place, or to an earlier one.
        is_largest: one mask per place.
        added: regions of the input's gradient, and the elements of windows that are added there.
    """

    row: int
    columns: slice
    windows: Array
    inputs: Array
    products: Array
    sums: Array
    places: list[Array]
    largest: Array
    found: Flags
    is_largest: list[Flags]
    added: list[tuple[Array, Array]]


@dataclass(slots=True)
class WinogradCache:
    """Keep the mapped input and the arrays that a call writes.

    Args:
        maps: from pictures to points and back.
        blocks: of tiles, row by row.
        padded: input with a border of zeros, or None where windows cover the input exactly.
        filters: U, (w², out_channels, in_channels).
        plane: the output as whole tiles; the output itself where these cover it exactly.
        output: (out_channels, out_height, out_width, batch).
        ones: as long as a block is wide.
        zeros: as many as a block is wide, (tiles, batch).
        gradients: of weight and bias.
        grad_filters: dU.
        grad_plane: gradient of the output with zeros beyond it, or None where tiles cover it.
        grad_inputs: dV of one block. It takes the place of V only where that is not kept: else it
            would have to be written to memory.
        strip: gradient of the rows of the padded input that some rows of windows see,
            (in_channels, height, T, ⌈width / T⌉, batch), or None where it is not wanted.
        keeps_inputs: whether V is kept for backward; else it is computed again.
        grad_input: gradient of the input.
        x: the last input.
    """

    maps: Maps
    blocks: list[Tiles]
    padded: Array | None
    filters: Array
    plane: Array
    output: Array
    ones: Array
    zeros: Array
    gradients: Mapping[str, Array]
    grad_filters: OuterProducts
    grad_plane: Array | None
    grad_inputs: Array
    strip: Array | None
    keeps_inputs: bool
    grad_input: Array | None
    x: Array = field(default_factory=lambda: np.empty(0))


def view(memory: NDArray[Any], *shape: int) -> NDArray[Any]:
    """View the beginning of a vector as an array."""
    return memory[: math.prod(shape)].reshape(shape)
