"""Know every way from the layers of a network to the loss: how many there are, and their rates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array, Shape
from bpnet.teach.trace.jacobian import ELEMENT, IDENTITY, LocalDerivative

ROUNDING = 1e-12  # of a sum, as a fraction of the sizes of everything added on the way to it
SMALLEST = float(np.finfo(np.float64).tiny)  # smaller numbers have fewer digits

LOSS = "loss"


@dataclass(frozen=True)
class Path:
    """Hold one way from a weight to the loss.

    Args:
        sample: number of the one that it runs through, as the caller counts them.
        through: names from the weight to the loss, such as `1.weight[1,1]`, `1.linear[1]`, `loss`.
        rates: from each of these names to the next.
        product: of the rates.
    """

    sample: int
    through: tuple[str, ...]
    rates: tuple[float, ...]
    product: float


class Ways:
    """Know the rate of every step from a layer's output to the loss.

    Args:
        names: of the layers.
        shapes: of their outputs.
        derivatives: of their outputs by their inputs, none of them `mixed` or left out.
        sizes: of the numbers that each of these was computed from: see `rate_sizes`.
        grad_output: ∂C/∂output of the last layer (samples, *shape).
        samples: what the samples are called.
        past: number of the layer to which the outputs of a layer lead past others as well, as
            those of a `residual` lead to its `end`.
    """

    def __init__(
        self,
        names: Sequence[str],
        shapes: Sequence[Shape],
        derivatives: Sequence[LocalDerivative],
        sizes: Sequence[Array | None],
        grad_output: Array,
        samples: Sequence[int],
        past: Mapping[int, int],
    ) -> None:
        self.past = past
        self.names = names
        self.shapes = shapes
        self.derivatives = derivatives
        self.last = grad_output.reshape(len(grad_output), -1)
        self.samples = samples
        # Python's own whole numbers count the ways, which no depth lets overflow.
        leads_on = [
            None if d.values is None else (d.values != 0).astype(object) for d in derivatives
        ]
        self.counts = self._send_back((self.last != 0).astype(object), leads_on, 0)
        self.sizes = self._send_back(np.abs(self.last), sizes, SMALLEST)
        self.largest = max(float(size.max()) for size in self.sizes)

    def _send_back(
        self, last: NDArray[Any], rates: Sequence[NDArray[Any] | None], least: float
    ) -> list[NDArray[Any]]:
        """Send numbers back as backward sends ∂C/∂output, and return what arrives at each layer.

        Args:
            last: for each output of the last layer.
            rates: of each layer, laid out as its local derivative is.
            least: added wherever the numbers arrive.
        """
        final = len(self.names) - 1
        arrived = {final: last + least}
        for layer in reversed(range(final)):
            form, rate = self.derivatives[layer + 1].form, rates[layer + 1]
            through = arrived[layer + 1]
            if form != IDENTITY:
                assert rate is not None
                if form == ELEMENT:
                    through = rate.reshape(through.shape) * through + least
                else:
                    through = (rate * through[:, :, None]).sum(axis=1) + least
            end = self.past.get(layer)
            arrived[layer] = through if end is None else through + arrived[end]
        return [arrived[layer] for layer in range(len(self.names))]

    def label(self, layer: int, neuron: int) -> str:
        """Return the name of one output of a layer, such as `1.conv[1,2,2]`."""
        return f"{self.names[layer]}{place(neuron, self.shapes[layer])}"

    def _onward(self, layer: int, sample: int, neuron: int) -> Iterator[tuple[int, int, float]]:
        """Yield on which outputs of which layers an output of a layer acts, and at what rate."""
        end = self.past.get(layer)
        if end is not None:
            yield end, neuron, 1.0
        derivative = self.derivatives[layer + 1]
        if derivative.form == IDENTITY:
            yield layer + 1, neuron, 1.0
            return
        assert derivative.values is not None
        if derivative.form == ELEMENT:
            yield layer + 1, neuron, float(derivative.values[sample].reshape(-1)[neuron])
            return
        column = derivative.values[sample, :, neuron]
        yield from ((layer + 1, int(k), float(column[k])) for k in np.flatnonzero(column))

    def from_neuron(
        self, layer: int, sample: int, neuron: int
    ) -> Iterator[tuple[tuple[str, ...], tuple[float, ...]]]:
        """Yield the names on every way from one output of a layer to the loss, and the rates."""
        here = self.label(layer, neuron)
        if not self.counts[layer][sample, neuron]:
            return
        if layer == len(self.names) - 1:
            yield (here, LOSS), (float(self.last[sample, neuron]),)
            return
        for following, output, rate in self._onward(layer, sample, neuron):
            for names, rates in self.from_neuron(following, sample, output):
                yield (here, *names), (rate, *rates)

    def from_weight(self, layer: int, name: str, rates: Array) -> tuple[Path, ...]:
        """Return every way from one weight of a layer, sample by sample.

        Args:
            layer: whose weight it is, from 0.
            name: of the weight.
            rates: ∂z_j/∂w (samples, outputs).
        """
        paths = []
        for sample, neuron in zip(*np.nonzero(rates), strict=True):
            first = float(rates[sample, neuron])
            for names, others in self.from_neuron(layer, sample, neuron):
                along = (first, *others)
                through = (name, *names)
                paths.append(Path(self.samples[sample], through, along, math.prod(along)))
        return tuple(paths)

    def count(self, layer: int, rates: Array) -> int:
        """Return how many ways `from_weight` would list."""
        return int(((rates != 0).astype(object) * self.counts[layer]).sum())

    def tolerance(self, layer: int, rates: Array) -> float:
        """Return by how much rounding may change a weight's gradient, or the sum of its paths."""
        size = (np.abs(rates) * self.sizes[layer]).sum()
        return ROUNDING * float(size + SMALLEST * self.largest)


def place(number: int, shape: Shape) -> str:
    """Return where an element stands, counted from 1: `[1,2]` for row 1, column 2."""
    return f"[{','.join(str(index + 1) for index in np.unravel_index(number, shape))}]"
