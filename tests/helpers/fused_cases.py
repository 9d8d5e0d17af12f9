"""Fused layers beside the plain layers that they stand for, in random shapes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from bpnet.fast.direct import DirectConv
from bpnet.fast.fused import FusedConv
from bpnet.fast.peaks import Flags, mark_first
from bpnet.fast.winograd import WinogradConv
from bpnet.fast.winograd_rows import WinogradRowConv
from bpnet.nn.activation import ReLU
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array, Layer
from bpnet.nn.memory import Memory, Room
from bpnet.nn.pool import MaxPool
from tests.helpers.fitting import fit
from tests.helpers.gradients import Trial, assert_close

CLEAR = 1e-3  # what decides further from a tie than this is decided alike by every rounding


class Chain(Layer[list[Any]]):
    """Compute by plain layers, one after the other, what a fused one computes in one go."""

    kind = "chain"

    def __init__(self, layers: Sequence[Layer[Any]]) -> None:
        super().__init__(layers[0].input_shape, layers[-1].output_shape)
        self.layers = layers
        self.parameter_shapes = layers[0].parameter_shapes

    def bind(self, parameters: Mapping[str, Array], state: Mapping[str, Array]) -> None:
        self.layers[0].bind(parameters, state)

    def allocate(self, room: Room) -> list[Any]:
        behind = dataclasses.replace(room, wants_input_gradient=True)
        first, *others = self.layers
        return [first.allocate(room), *(layer.allocate(behind) for layer in others)]

    def forward(self, x: Array, cache: list[Any]) -> Array:
        for layer, its_cache in zip(self.layers, cache, strict=True):
            x = layer.forward(x, its_cache)
        return x

    def backward(self, grad_output: Array, cache: list[Any]) -> Array:
        grad = grad_output
        for layer, its_cache in zip(reversed(self.layers), reversed(cache), strict=True):
            grad = layer.backward(grad, its_cache)
        return grad


@dataclasses.dataclass(frozen=True)
class Case:
    """Hold what is computed, and for how many samples.

    Args:
        input_shape: (in_channels, height, width).
        filters: number of filters.
        tile: side of Winograd's tiles; 0 stands for the layer that multiplies filters as they are.
        in_rows: whether Winograd's way is used in the columns alone.
    """

    input_shape: tuple[int, int, int]
    filters: int
    kernel_size: int = 3
    padding: int = 0
    bias: bool = True
    pool_size: int = 1
    relu: bool = False
    batch: int = 1
    tile: int = 0
    in_rows: bool = False

    def conv(self) -> Conv:
        return Conv(self.input_shape, self.filters, self.kernel_size, 1, self.padding, self.bias)

    def fused(self) -> FusedConv[Any]:
        if self.in_rows:
            return WinogradRowConv(self.conv(), self.relu)
        if self.tile:
            return WinogradConv(self.conv(), self.tile, self.pool_size, self.relu)
        return DirectConv(self.conv(), self.pool_size, self.relu)

    def plain(self) -> Chain:
        layers: list[Layer[Any]] = [self.conv()]
        if self.pool_size > 1:
            layers.append(MaxPool(layers[-1].output_shape, self.pool_size))
        if self.relu:
            layers.append(ReLU(layers[-1].output_shape))
        return Chain(layers)


def draw_direct(rng: np.random.Generator) -> Case:
    """Draw a case in which pooling may leave rows over, or padding be wider than the kernel."""
    kernel, pool = (int(rng.integers(1, most + 1)) for most in (5, 3))
    padding = int(rng.choice([0, 0, 1, 2, 3]))
    return _draw_case(rng, kernel, pool, padding, tile=0)


def draw_winograd(rng: np.random.Generator) -> Case:
    """Draw a case in which tiles may reach beyond the output."""
    tile, pool = [(2, 1), (2, 2), (4, 1), (4, 2), (4, 4)][rng.integers(5)]
    return _draw_case(rng, 3, pool, int(rng.choice([0, 0, 1, 2, 5])), tile)


def draw_winograd_rows(rng: np.random.Generator) -> Case:
    """Draw a case in which pooling may leave a row or a column over."""
    case = _draw_case(rng, 3, 2, int(rng.choice([0, 0, 1, 2, 5])), tile=2)
    return dataclasses.replace(case, in_rows=True)


def _draw_case(rng: np.random.Generator, kernel: int, pool: int, padding: int, tile: int) -> Case:
    smallest = max(1, kernel + pool - 1 - 2 * padding)
    height, width = smallest + rng.integers(10, size=2)
    return Case(
        input_shape=(int(rng.integers(1, 5)), int(height), int(width)),
        filters=int(rng.choice([*range(1, 7), 24, 25, 26])),  # few, and many
        kernel_size=kernel,
        padding=padding,
        bias=bool(rng.random() < 0.7),
        pool_size=pool,
        relu=bool(rng.random() < 0.5),
        batch=int(rng.integers(1, 6)),
        tile=tile,
    )


def results_of(
    case: Case,
    layer: Layer[Any],
    dtype: DTypeLike = np.float64,
    *,
    wants_input_gradient: bool = True,
) -> dict[str, Array]:
    """Run a layer with parameters, inputs and gradients that depend on the case alone.

    Outputs that rounding may decide get no gradient: it could go elsewhere in the other layer.
    """
    rng = np.random.default_rng(0)
    trial = Trial(layer, rng, dtype, wants_input_gradient=wants_input_gradient)
    x = rng.normal(size=(*layer.input_shape, case.batch)).astype(dtype)
    grad_output = rng.normal(0.5, 1, (*layer.output_shape, case.batch)).astype(dtype)
    grad_output *= is_clear(case, trial.parameters, x)
    return trial.run(x, grad_output, trial.cache(case.batch))


def differing(
    found: Mapping[str, Array], expected: Mapping[str, Array], tolerance: float = 1e-12
) -> set[str]:
    """Return the names of the arrays that are not equal within rounding."""
    names = set()
    for name, values in expected.items():
        try:
            assert_close({name: found[name]}, {name: values}, tolerance)
        except AssertionError:
            names.add(name)
    return names


def is_clear(case: Case, parameters: Mapping[str, Array], x: Array) -> NDArray[np.bool_]:
    """Return for each output whether its maximum leads clearly, and clearly passes ReLU or not."""
    conv, k = case.conv(), case.pool_size
    conv.bind({role: values.astype(float) for role, values in parameters.items()}, {})
    memory = Memory(np.float64, training=False)
    cache = conv.allocate(Room(case.batch, memory))
    z = conv.forward(x.astype(float), cache)
    _, rows, columns = case.plain().output_shape
    blocks = z[:, : rows * k, : columns * k].reshape(len(z), rows, k, columns, k, case.batch)
    by_output = blocks.transpose(0, 1, 3, 5, 2, 4)
    values = np.sort(by_output.reshape(*by_output.shape[:4], k * k))
    largest = values[..., -1]
    lead = largest - values[..., -2] if k > 1 else np.full_like(largest, np.inf)
    return np.minimum(lead, np.abs(largest) if case.relu else np.inf) > CLEAR


def cut_into_blocks(monkeypatch: pytest.MonkeyPatch, numbers: int) -> None:
    """Let blocks of all fused layers, and strips of a gradient, hold at most that many numbers."""
    fit(monkeypatch, row_block=numbers, winograd_block=numbers, winograd_strip=numbers)


def count_blocks(cache: Any) -> int:
    """Return into how many blocks a fused layer's work is cut."""
    return len(cache.blocks)


def mark_behind(
    places: Sequence[Array],
    largest: Array,
    found: Flags,
    is_largest: Sequence[Flags],
    *,
    above: Array | float | None,
) -> None:
    """Mark the place behind that of the first largest value: a bug to be found."""
    behind = [*is_largest[1:], is_largest[0]]
    mark_first(places, largest, found, behind, above=above)
