"""Keep all arrays of one kind in one flat vector, with named views into it."""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bpnet.nn.memory import shared_zeros


class FlatArrays:
    """Hold named arrays as views of one flat vector.

    The optimiser works on `flat` as a whole; a layer sees its own arrays by name. Weights lie
    first and everything else after them, so that weight decay is one slice, `flat[:weights]`.

    Args:
        shapes: shape of each array by its name, such as `1.weight`.
        dtype: element type of all of them.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtype: DTypeLike) -> None:
        self.shapes = dict(shapes)
        is_weight = {name: name.endswith(".weight") and len(shapes[name]) > 1 for name in shapes}
        in_order = sorted(shapes, key=lambda name: not is_weight[name])
        sizes = {name: int(np.prod(shapes[name], dtype=np.int64)) for name in in_order}
        self.flat = shared_zeros(sum(sizes.values()), dtype)
        self.weights = sum(sizes[name] for name in in_order if is_weight[name])
        self.spans: dict[str, slice] = {}
        start = 0
        for name in in_order:
            self.spans[name] = slice(start, start + sizes[name])
            start += sizes[name]
        self.views: dict[str, NDArray[np.floating]] = {
            name: self.flat[self.spans[name]].reshape(shape) for name, shape in shapes.items()
        }

    def like(self) -> "FlatArrays":
        """Return new arrays of the same names and shapes, all zero."""
        return FlatArrays(self.shapes, self.flat.dtype)

    def without(self, names: Collection[str]) -> list[slice]:
        """Return the spans of the flat vector that lie between the arrays of these names."""
        edges = [0]
        for span in sorted((self.spans[name] for name in names), key=lambda span: span.start):
            edges += [span.start, span.stop]
        edges.append(self.flat.size)
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [slice(start, stop) for start, stop in pairs if start < stop]

    def of_layer(self, position: int) -> dict[str, NDArray[np.floating]]:
        """Return the views of the layer at `position` (the first is 1) by role: weight, bias."""
        prefix = f"{position}."
        return {
            name.removeprefix(prefix): view
            for name, view in self.views.items()
            if name.startswith(prefix)
        }
