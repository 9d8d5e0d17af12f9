"""Hold gradients against central differences, and caches against stale reads."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array, Layer
from bpnet.nn.memory import Memory, Room
from bpnet.teach.gradcheck.projection import TOLERANCE, compare, direction_along, unit_direction

__all__ = ["TOLERANCE", "PoisonedMemory", "Trial", "assert_close", "projection_error"]


class PoisonedMemory(Memory):
    """Hand out arrays full of NaN (flags: all set), so that whoever reads stale values shows it."""

    def __init__(self, dtype: DTypeLike, *, training: bool) -> None:
        super().__init__(dtype, training=training)
        self.handed_out: list[NDArray[Any]] = []
        self.kept_zero: list[NDArray[Any]] = []

    def array(self, *shape: int, dtype: DTypeLike | None = None) -> NDArray[Any]:
        self.handed_out.append(super().array(*shape, dtype=dtype))
        self.handed_out[-1].fill(np.nan if self.handed_out[-1].dtype.kind == "f" else 1)
        return self.handed_out[-1]

    def zeros(self, *shape: int) -> NDArray[Any]:
        self.kept_zero.append(super().zeros(*shape))
        return self.kept_zero[-1]

    def poison(self) -> None:
        """Overwrite everything handed out so far."""
        for array in self.handed_out:
            array.fill(np.nan if array.dtype.kind == "f" else 1)


class Trial:
    """Give one layer parameters, gradients and memory of its own.

    Args:
        layer: to be tried.
        rng: where its parameters come from.
        dtype: element type of everything.
        training: whether backward will be called.
        wants_input_gradient: whether the input's gradient is wanted.
    """

    def __init__(
        self,
        layer: Layer[Any],
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
        *,
        training: bool = True,
        wants_input_gradient: bool = True,
    ) -> None:
        self.layer = layer
        self.dtype = np.dtype(dtype)
        self.wants_input_gradient = training and wants_input_gradient
        self.memory = PoisonedMemory(dtype, training=training)
        self.parameters: dict[str, Array] = {
            role: rng.normal(size=shape).astype(dtype)
            for role, shape in layer.parameter_shapes.items()
        }
        self.gradients: dict[str, Array] = {
            role: np.full_like(values, np.nan) for role, values in self.parameters.items()
        }
        self.state: dict[str, Array] = {
            role: np.full(layer.state_shapes[role], value, dtype=dtype)
            for role, value in layer.initial_state().items()
        }
        layer.bind(self.parameters, self.state)

    def cache(self, batch: int) -> Any:
        """Allocate for `batch` samples, in the memory of earlier calls of this method."""
        self.memory.rewind()
        gradients = self.gradients if self.memory.training else {}
        return self.layer.allocate(Room(batch, self.memory, gradients, self.wants_input_gradient))

    def forward(self, x: Array, cache: Any) -> Array:
        """Run forward; a layer that draws gets the same numbers every time."""
        if self.layer.draws:
            cache.draws = Draws(seed=7, epoch=0, step=0)
        return self.layer.forward(x, cache)

    def run(self, x: Array, grad_output: Array, cache: Any) -> dict[str, Array]:
        """Return copies of the output and of all gradients."""
        results = {"output": self.forward(x, cache).copy()}
        grad_input = self.layer.backward(grad_output, cache)
        if self.wants_input_gradient:
            results["input"] = grad_input.copy()
        results |= {role: gradient.copy() for role, gradient in self.gradients.items()}
        return results

    def gradient_errors(self, x: Array, rng: np.random.Generator) -> dict[str, float]:
        """Return the relative error of each gradient of `Σ u ⊙ layer(x)`, u a unit direction."""
        cache = self.cache(x.shape[-1])
        u = unit_direction(self.forward(x, cache).shape, rng)
        results = self.run(x, u, cache)

        def objective() -> float:
            return float(np.vdot(u, self.forward(x, cache)))

        errors = {"input": projection_error(objective, x, results["input"], rng)}
        for role, values in self.parameters.items():
            errors[role] = projection_error(objective, values, results[role], rng)
        return errors


def projection_error(
    objective: Callable[[], float], at: Array, gradient: Array, rng: np.random.Generator
) -> float:
    """Return the relative error of a gradient along a random direction."""
    return compare(objective, at, gradient, direction_along(gradient, rng)).relative_error


def assert_close(
    found: Mapping[str, Array], expected: Mapping[str, Array], tolerance: float
) -> None:
    """Hold each array to its expected one, relative to the largest expected element."""
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].shape == values.shape, name
        largest = np.abs(values).max(initial=0.0)
        np.testing.assert_allclose(
            found[name], values, rtol=0, atol=tolerance * max(largest, 1e-30), err_msg=name
        )
