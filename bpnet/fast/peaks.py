"""Keep the largest of several values, remember which it was, and send a gradient there."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array

Flags = NDArray[np.bool_]


def keep_largest(places: Sequence[Array], out: Array) -> None:
    """Write `max_k x_k`, element by element.

    Args:
        places: x_k, all of one shape.
        out: overwritten; of the same shape.
    """
    np.maximum(places[0], places[1], out=out)
    for place in places[2:]:
        np.maximum(out, place, out=out)


def mark_first(
    places: Sequence[Array],
    largest: Array,
    found: Flags,
    is_largest: Sequence[Flags],
    *,
    above: Array | float | None,
) -> None:
    """Mark at which place the largest value stands: among equal ones at the first.

    Args:
        places: x_k.
        largest: `max_k x_k`.
        found: to work in.
        is_largest: one mask per place, overwritten.
        above: a place is marked only where the largest value is above this, if given.
    """
    if len(places) == 1 and above is not None:
        np.greater(largest, above, out=is_largest[0])
        return
    if above is not None:
        np.less_equal(largest, above, out=found)
    else:
        found.fill(False)
    for place, mask in zip(places[:-1], is_largest[:-1], strict=True):
        np.equal(place, largest, out=mask)
        np.greater(mask, found, out=mask)  # only where no earlier place was as large
        np.logical_or(found, mask, out=found)
    np.logical_not(found, out=is_largest[-1])  # what is nowhere else is at the last place


def send_back(grad: Array, is_largest: Sequence[Flags], places: Sequence[Array]) -> None:
    """Write the gradient to the marked places and 0 to all others.

    Where the gradient is read several times, the flags become numbers before they are multiplied: a
    mixed product takes twice as long while all of it is in the cache.

    Args:
        grad: gradient of the largest values; may be the only place itself.
        is_largest: one mask per place.
        places: overwritten.
    """
    if len(places) == 1:
        np.multiply(grad, is_largest[0], out=places[0])
        return
    for mask, place in zip(is_largest, places, strict=True):
        np.copyto(place, mask)
        np.multiply(place, grad, out=place)
