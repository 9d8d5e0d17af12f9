"""Slide 3×3 filters along rows with two thirds of the multiplications."""

import numpy as np

from bpnet.fast.rows import RowConv
from bpnet.fast.rows_cache import RowCache
from bpnet.fast.winograd_maps import MATRICES
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array


class WinogradRowConv(RowConv):
    """Convolve with 3×3 filters by F(2, 3) in the columns: 4 products for 2 outputs, not 6.

    What two neighbouring outputs y see of a row are four columns d. With filter g,

        y = Aᵀ ((G g) ⊙ (Bᵀ d)),

    summed over channels and the three rows by matrix products, one at each of the four points. All
    numbers of A and B are 0, 1 or −1, so both maps are a few additions of long runs; and the
    first and the last point become the two outputs, so that pooling reads them where they lie.

    Args:
        conv: the convolution, whose sizes are taken.
        relu: whether ReLU is applied, after a maximum pooling of 2×2.

    Source: Winograd, 1980; Lavin and Gray, 2016, section 4.1.
    """

    points = 4
    parts = 2

    def __init__(self, conv: Conv, relu: bool = False) -> None:
        assert conv.kernel_size == 3, "Winograd's filters are 3×3"
        super().__init__(conv, pool_size=2, relu=relu, tile=2)
        self.depth = self.input_shape[0]
        self.out = self.output_shape[0]
        self.map = MATRICES[2][0]  # G

    def unroll(self, cache: RowCache) -> None:
        """Compute `V = Bᵀ d`."""
        columns, v = cache.columns, cache.unrolled
        rows, parts, channels, groups, batch = columns.shape
        whole = columns.reshape(rows, parts, channels, groups * batch)
        across = v.shape[-1]
        even, odd = whole[:, 0, :, :across], whole[:, 1, :, :across]
        next_even, next_odd = whole[:, 0, :, batch:], whole[:, 1, :, batch:]
        np.subtract(even, next_even, out=v[0])
        np.add(odd, next_even, out=v[1])
        np.subtract(next_even, odd, out=v[2])
        np.subtract(next_odd, odd, out=v[3])

    def write_filters(self, out: Array) -> None:
        """Write `U = G g`."""
        taps = self.weight.transpose(3, 0, 2, 1).reshape(3, -1)
        np.matmul(self.map.astype(out.dtype), taps, out=out.reshape(4, -1))

    def read_filters(self, gradient: Array, out: Array) -> None:
        """Write `dg = Gᵀ dU`."""
        taps = np.matmul(self.map.T.astype(out.dtype), gradient.reshape(4, -1))
        np.copyto(out, taps.reshape(3, *gradient.shape[1:]).transpose(1, 3, 2, 0))

    def combine(self, products: Array) -> None:
        """Compute `y = Aᵀ M` where the first and the last point are."""
        first, plus, minus, last = products
        first += plus
        first += minus
        last += plus
        last -= minus

    def spread(self, products: Array) -> None:
        """Compute `dM = A dy`."""
        first, plus, minus, last = products
        np.add(first, last, out=plus)
        np.subtract(first, last, out=minus)

    def places_of(self, products: Array) -> list[Array]:
        """View the sums at each place of a pool (rows, out_channels, across · batch)."""
        first, last = products[0], products[3]
        return [first[0::2], last[0::2], first[1::2], last[1::2]]

    def all_sums(self, products: Array) -> Array:
        """View the gradient at the point 1, which is in both outputs."""
        both: Array = products[1]
        return both

    def fold(self, grad_unrolled: Array) -> Array:
        """Compute `dd = B dV` where dV is."""
        zero, one, two, three = grad_unrolled
        one -= two
        two += two
        two += one  # the sum of both as they were
        one -= three
        two -= zero
        return grad_unrolled.transpose(1, 0, 2, 3)
