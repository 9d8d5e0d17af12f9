"""Say what every layer is: sizes, parameters, a forward and a backward method.

Activations lie batch last: (features, batch) or (channels, height, width, batch), contiguous.
Columns are samples, as in the textbooks, so `z = W a + b` is written as it is read.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bpnet.nn.parameters import aligned_zeros, shared_zeros

Array = NDArray[np.floating]
Shape = tuple[int, ...]
Cache = TypeVar("Cache")


class ShapeError(ValueError):
    """Report that a layer cannot take the shape it is given; the model adds the line."""


class Memory:
    """Hand out the arrays of one shard, reserved once for its largest batch.

    After `rewind` the same blocks are handed out again in the same order, so a shorter last batch
    works in the memory of a full one.
    """

    def __init__(self, dtype: DTypeLike, *, training: bool) -> None:
        self.dtype = np.dtype(dtype)
        self.training = training
        self._blocks: list[NDArray[Any]] = []
        self._next = 0

    @property
    def reserved_bytes(self) -> int:
        """Return the size of all blocks."""
        return sum(block.nbytes for block in self._blocks)

    def rewind(self) -> None:
        """Start over with the first block."""
        self._next = 0

    def array(self, *shape: int, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return a contiguous array of this shape with arbitrary content."""
        return self._block(shape, lambda size: aligned_zeros(size, dtype or self.dtype))

    def shared(self, *shape: int) -> NDArray[Any]:
        """Return an array of arbitrary content that forked processes see alike."""
        return self._block(shape, lambda size: shared_zeros(size, self.dtype))

    def borrow(self, size: int) -> NDArray[np.uint8]:
        """Return so many bytes of the first block that has them, else new ones.

        They are for work before the first layer's, which finds this memory in the core's cache.
        Whoever writes there overwrites what layers have left.
        """
        for block in self._blocks:
            if block.nbytes >= size:
                return block.view(np.uint8)[:size]
        return aligned_zeros(size, np.uint8)

    def _block(self, shape: Shape, reserve: Callable[[int], NDArray[Any]]) -> NDArray[Any]:
        size = int(np.prod(shape, dtype=np.int64))
        if self._next == len(self._blocks):
            self._blocks.append(reserve(size))
        elif self._blocks[self._next].size < size:  # a smaller batch may take larger pieces
            self._blocks[self._next] = reserve(size)
        block = self._blocks[self._next]
        self._next += 1
        return block[:size].reshape(shape)

    def for_backward(self, *shape: int, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return an array that only backward needs: empty where no backward will follow."""
        return self.array(*(shape if self.training else (0,)), dtype=dtype)

    def zeros(self, *shape: int) -> NDArray[Any]:
        """Return an array of zeros that no other batch size shares, so what is zero stays so."""
        return aligned_zeros(int(np.prod(shape, dtype=np.int64)), self.dtype).reshape(shape)


class Layer(Generic[Cache]):
    """Map activations forward and gradients backward.

    `forward` and `backward` never assign to the layer: everything a call leaves behind lives in
    the cache, one per layer and shard, so several workers can run the same layer at once. Neither
    method writes to its argument unless the layer says that it works in place, and `backward`
    leaves the output of `forward` as it is.

    Args:
        input_shape: shape of one sample, without the batch.
    """

    kind: ClassVar[str]
    draws: ClassVar[bool] = False  # takes random numbers in training: its cache has an `rng`
    forgets: ClassVar[bool] = False  # backward reads neither the input nor the output of forward

    def __init__(self, input_shape: Shape, output_shape: Shape) -> None:
        self.input_shape = input_shape
        self.output_shape = output_shape
        self.name = self.kind
        self.parameter_shapes: dict[str, Shape] = {}
        self.state_shapes: dict[str, Shape] = {}

    def bind(self, parameters: Mapping[str, Array], state: Mapping[str, Array]) -> None:
        """Take the views of this layer's parameters and running statistics as attributes."""
        for role, view in (*parameters.items(), *state.items()):
            setattr(self, role, view)

    def initial_state(self) -> dict[str, float]:
        """Return the value at which each running statistic starts."""
        return {}

    def allocate(
        self,
        batch: int,
        memory: Memory,
        gradients: Mapping[str, Array],
        *,
        needs_grad_input: bool,
    ) -> Cache:
        """Prepare everything that calls with `batch` samples write to.

        Args:
            batch: samples in a call.
            memory: where arrays come from; `memory.training` says whether backward will follow.
            gradients: where backward writes the gradient of each parameter, by role.
            needs_grad_input: whether a layer before has parameters and so wants a gradient.
        """
        raise NotImplementedError

    def forward(self, x: Array, cache: Cache) -> Array:
        """Return the output for `x`, valid until the next call with this cache."""
        raise NotImplementedError

    def backward(self, grad_output: Array, cache: Cache) -> Array:
        """Overwrite the parameters' gradients and return the gradient of the input.

        A layer with parameters may skip the latter and return `grad_output` where the cache was
        made without an input gradient; layers before the first such layer are not called at all.
        """
        raise NotImplementedError

    def multiply_adds(self) -> int:
        """Return the multiply-adds of one sample's forward pass."""
        return 0
