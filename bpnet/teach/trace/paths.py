"""Follow a weight to the loss on every way there is; the rates along a way multiply, ways add up.

`∂C/∂w = Σ over paths of ∂z_j/∂w · ∂y_k/∂z_j · … · ∂C/∂output_i`, for every sample of the batch.

Source: the chain rule, and its second case, where a number acts on another in several ways.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array, Shape
from bpnet.nn.residual import link
from bpnet.teach.trace.jacobian import (
    ELEMENT,
    IDENTITY,
    MIXED,
    LayerCall,
    LocalDerivative,
    parameter_jacobian,
)
from bpnet.teach.trace.recorded_pass import RecordedPass

MOST_PATHS = 16  # from one weight: what fits one look
MOST_LISTED = 500  # from all weights together, at two lines each: what can be leafed through
MOST_RATES = 100_000  # ∂z/∂w of one parameter: each row takes a backward call
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


@dataclass(frozen=True)
class ElementPaths:
    """Hold all ways from one weight to the loss.

    Args:
        element: its name, such as `1.weight[1,2]`: row 1, column 2.
        count: how many ways have no rate of 0.
        paths: these ways, or None where they are too many to list.
        sum: of their products, or None.
        gradient: what backward computed, which the sum should be.
        tolerance: by how much rounding may set them apart.
    """

    element: str
    count: int
    paths: tuple[Path, ...] | None
    sum: float | None
    gradient: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Return whether sum and gradient are the same except for rounding."""
        return self.sum is not None and abs(self.sum - self.gradient) <= self.tolerance


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


def rate_sizes(call: LayerCall, output: Array, derivative: LocalDerivative) -> Array | None:
    """Return |∂y/∂x|, or what it would be if nothing cancelled.

    Args:
        call: of a layer.
        output: of that call (samples, *shape).
        derivative: of the layer.
    """
    size = call.layer.derivative_size(output)
    if size is not None:
        return size
    return None if derivative.values is None else np.abs(derivative.values)


def obstacle(recorded: RecordedPass, derivatives: Sequence[LocalDerivative]) -> str | None:
    """Return why a network's paths cannot be followed; None where they can."""
    for call, derivative in zip(recorded.calls, derivatives, strict=True):
        if derivative.form == MIXED:
            return f"{call.layer.name} mixes the samples: a path would run through all of them"
        if derivative.values is None and derivative.form != IDENTITY:
            return f"the local derivative of {call.layer.name} has too many numbers to follow"
        for role, shape in call.layer.parameter_shapes.items():
            outputs = math.prod(call.layer.output_shape)
            if call.samples * outputs * math.prod(shape) > MOST_RATES:
                return f"{call.layer.name} has too many rates from its {role} to its outputs"
    return None


def all_paths(
    recorded: RecordedPass, derivatives: Sequence[LocalDerivative], samples: Sequence[int]
) -> dict[str, tuple[ElementPaths, ...]]:
    """Return the paths of every element of every parameter; there must be no `obstacle`.

    They are counted first, and listed where an element has no more than `MOST_PATHS` and all such
    elements together no more than `MOST_LISTED`.

    Args:
        recorded: the network's pass over a batch.
        derivatives: of its layers.
        samples: what the samples of the batch are called.
    """
    layers = [call.layer for call in recorded.calls]
    ways = Ways(
        [layer.name for layer in layers],
        [layer.output_shape for layer in layers],
        derivatives,
        list(map(rate_sizes, recorded.calls, recorded.outputs, derivatives)),
        recorded.grad_outputs[-1],
        samples,
        link(layers),
    )
    rates = {
        f"{number + 1}.{role}": (number, parameter_jacobian(call, role))
        for number, call in enumerate(recorded.calls)
        for role in call.layer.parameter_shapes
    }
    return list_paths(ways, rates, recorded.gradients.views)


def list_paths(
    ways: Ways, rates: Mapping[str, tuple[int, Array]], gradients: Mapping[str, Array]
) -> dict[str, tuple[ElementPaths, ...]]:
    """Return the paths of every element of every parameter.

    Args:
        ways: from the layers' outputs to the loss.
        rates: number of the layer, and ∂z/∂w (samples, outputs, elements), by parameter.
        gradients: of the parameters, to compare with.
    """
    counts = {
        name: [ways.count(layer, to_output) for to_output in np.moveaxis(jacobian, 2, 0)]
        for name, (layer, jacobian) in rates.items()
    }
    few = [count for row in counts.values() for count in row if count <= MOST_PATHS]
    most = MOST_PATHS if sum(few) <= MOST_LISTED else 0
    found = {}
    for name, (layer, jacobian) in rates.items():
        elements = []
        for number, count in enumerate(counts[name]):
            element = f"{name}{place(number, gradients[name].shape)}"
            gradient = float(gradients[name].reshape(-1)[number])
            paths, total = None, None
            if count <= most:
                paths = ways.from_weight(layer, element, jacobian[:, :, number])
                total = sum(path.product for path in paths) + 0.0
            tolerance = ways.tolerance(layer, jacobian[:, :, number])
            elements.append(ElementPaths(element, count, paths, total, gradient, tolerance))
        found[name] = tuple(elements)
    return found
