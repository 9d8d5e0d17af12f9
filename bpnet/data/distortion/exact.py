"""Round numbers so that the sums of their products are exact, whatever the order of summation.

A matrix product adds in an order that depends on the sizes of the matrices, so its last bits may
differ from batch to batch. If every partial sum fits into the 24 bits of float32, nothing is ever
rounded: a sample's numbers are the same in any batch, bit for bit.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

MANTISSA = 24  # bits of float32


def exact_multiples(
    values: NDArray[np.float64], largest_sum: float, factor_unit: float = 1.0
) -> NDArray[Any]:
    """Round one factor of a product to whole multiples of a power of two u.

        u · factor_unit = 2^(e − 24)  with  largest_sum < 2^e

    Then all sums are whole multiples of 2^(e − 24) and below 2^e, and float32 holds them.

    Args:
        values: the factor, of any shape.
        largest_sum: a bound on every partial sum of products, after rounding.
        factor_unit: a power of two, of which the other factors are whole multiples.

    Returns:
        The multiples (of the shape of `values`) as float32.
    """
    unit = 2.0 ** (math.frexp(largest_sum)[1] - MANTISSA) / factor_unit
    return (np.rint(values / unit) * unit).astype(np.float32)
