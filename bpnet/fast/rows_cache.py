"""Keep what a convolution row by row needs between and during its passes."""

from collections.abc import Mapping
from dataclasses import dataclass

from bpnet.fast.peaks import Flags
from bpnet.fast.row_products import OuterProducts
from bpnet.nn.layer import Array


@dataclass(slots=True)
class Block:
    """Hold some rows of the output while they are computed, and what backward needs of them.

    Args:
        rows: which they are.
        products: M, (points, rows · p, out, across · batch); backward writes its gradient there.
        places: the sums at each place of a pool, (rows, out_channels, across · batch).
        largest: of all places, of the same shape; empty for a single place.
        found: where the gradient goes to no place, or to an earlier one.
        is_largest: one mask per place.
    """

    rows: slice
    products: Array
    places: list[Array]
    largest: Array
    found: Flags
    is_largest: list[Flags]


@dataclass(slots=True)
class RowCache:
    """Keep the unrolled input and the arrays that a call writes.

    Args:
        blocks: of rows, from top to bottom.
        columns: the padded input sorted by columns, (rows, parts, channels, groups, batch): column
            T q + s is group q of part s.
        unrolled: V, (points, rows, depth, across · batch); may be the columns themselves.
        windows: what each row of sums sees, (points, rows, K · depth, across · batch), a view.
        filters: U, (points, out, K, depth).
        filters_back: the same for backward, the last row first, (points, depth, K, out).
        grad_filters: gradient of U.
        output: (out_channels, out_height, out_width, batch).
        ones: (across · batch,).
        zeros: likewise.
        gradients: of weight and bias.
        grad_unrolled: gradient of V, where the input's is wanted.
        grad_input: gradient of the input.
        back: filters, gradients and where their products go, for all rows of V.
    """

    blocks: list[Block]
    columns: Array
    unrolled: Array
    windows: Array
    filters: Array
    filters_back: Array
    grad_filters: OuterProducts
    output: Array
    ones: Array
    zeros: Array
    gradients: Mapping[str, Array]
    grad_unrolled: Array
    grad_input: Array | None
    back: list[tuple[Array, Array, Array]]
