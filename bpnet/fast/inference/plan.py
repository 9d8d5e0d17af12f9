"""Hold the NumPy calls that answer one number of samples, with every array reserved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bpnet.nn.layer import Array, Shape
from bpnet.nn.memory import aligned_zeros


class Step(Protocol):
    """Do the work of one or several layers."""

    @property
    def numbers(self) -> int:
        """Return how many numbers it writes for one sample."""
        ...

    def write(self, x: Array, plan: Plan) -> Array:
        """Add the calls that turn `x` into what comes out, and return where that will lie."""
        ...


class Plan:
    """Turn samples into outputs by calls that were written down once: `y = f_n(… f_1(x))`.

    A plan owns what it writes, so every thread needs one; weights belong to the steps, which all
    plans of a network share.

    Args:
        steps: in order.
        input_shape: of one sample (channels, height, width), or (features,).
        batch: samples of a call.
        dtype: element type of activations.
    """

    def __init__(
        self, steps: Sequence[Step], input_shape: Shape, batch: int, dtype: DTypeLike
    ) -> None:
        self.batch = batch
        self.dtype = np.dtype(dtype)
        self.held: list[Array] = []  # what is led past the next steps, which must not change it
        self._calls: list[Callable[[], object]] = []
        self._scratch: NDArray[Any] = aligned_zeros(0, self.dtype)
        self._stored = (batch, *input_shape)
        channels, *sides = input_shape
        x = self.array(*sides, channels)
        self._inputs = np.moveaxis(x, -1, 1)  # of the samples' own shape
        for step in steps:
            x = step.write(x, self)
        self.outputs = x.reshape(batch, -1)

    def run(self, samples: NDArray[Any]) -> Array:
        """Return the outputs (batch, outputs) of samples, valid until the next call."""
        np.copyto(self._inputs, samples.reshape(self._stored), casting="same_kind")
        for call in self._calls:
            call()
        return self.outputs

    def call(self, function: Callable[..., object], *arguments: object, **named: object) -> None:
        """Add a call."""
        self._calls.append(partial(function, *arguments, **named))

    def array(self, *shape: int) -> Array:
        """Reserve an array (batch, *shape) of zeros, for what one step hands to the next."""
        whole = (self.batch, *shape)
        return aligned_zeros(int(np.prod(whole, dtype=np.int64)), self.dtype).reshape(whole)

    def scratch(self, *shapes: Shape) -> list[Array]:
        """Return arrays of arbitrary content that only the calls of one step use.

        All steps use the same memory, which therefore stays in the cache.
        """
        sizes = [-(-int(np.prod(shape, dtype=np.int64)) // 16) * 16 for shape in shapes]
        if sum(sizes) > self._scratch.size:
            self._scratch = aligned_zeros(sum(sizes), self.dtype)
        ends = np.cumsum(sizes).tolist()
        return [
            self._scratch[end - size :][: np.prod(shape, dtype=np.int64)].reshape(shape)
            for end, size, shape in zip(ends, sizes, shapes, strict=True)
        ]

    def writable(self, x: Array) -> Array:
        """Return `x` itself where a step may overwrite it, else another array of its shape."""
        return self.array(*x.shape[1:]) if any(x is held for held in self.held) else x
