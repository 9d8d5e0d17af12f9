"""Reserve the arrays that a step writes, once and for all."""

import errno
import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LINE = 64  # bytes of a cache line, and of the widest register
LARGE = 1 << 16  # bytes of a vector that is worth pages of its own


def aligned_zeros(size: int, dtype: DTypeLike) -> NDArray[Any]:
    """Return a vector of zeros that begins with a cache line.

    Small matrix products, whose operands are not packed first, have been seen to take a fifth
    longer where every load of a register touches two lines. A large vector has pages of its own:
    none takes memory before it is written to, also where another process is to write there, and
    all of them go back to the system with it.
    """
    bytes_needed = size * np.dtype(dtype).itemsize
    if bytes_needed >= LARGE and hasattr(mmap, "MAP_PRIVATE"):
        pages = _pages(bytes_needed, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return np.frombuffer(pages, dtype=dtype, count=size)
    memory = np.zeros(bytes_needed + LINE, dtype=np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + bytes_needed].view(dtype)


def shared_zeros(size: int, dtype: DTypeLike) -> NDArray[np.floating]:
    """Return a vector of zeros that this process shares with those forked from it.

    The memory has no name: it is gone with the last process that uses it.
    """
    bytes_needed = max(1, size * np.dtype(dtype).itemsize)
    pages = _pages(bytes_needed, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, dtype=dtype, count=size)


def _pages(size: int, flags: int) -> mmap.mmap:
    """Return fresh pages of zeros.

    Raises:
        MemoryError: the system has none left.
    """
    try:
        return mmap.mmap(-1, size, flags=flags)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise MemoryError(f"no memory for {size:,} bytes") from error


class Memory:
    """Hand out the arrays of one shard, reserved once for its largest batch.

    After `rewind` the same blocks are handed out again in the same order, so a shorter last batch
    works in the memory of a full one.

    Args:
        dtype: element type of the arrays.
        training: whether backward will be called.
    """

    def __init__(self, dtype: DTypeLike, *, training: bool) -> None:
        self.dtype = np.dtype(dtype)
        self.training = training
        self.open: list[Any] = []  # caches that a later layer will share
        self._blocks: list[NDArray[Any]] = []
        self._next = 0
        self._scratch = aligned_zeros(0, np.uint8)
        self._scratch_wanted = 0  # bytes, by one layer
        self.scratch_used = 0  # bytes; set back, what follows takes the place of what came since

    @property
    def reserved_bytes(self) -> int:
        """Return the size of all blocks."""
        return sum(block.nbytes for block in (self._scratch, *self._blocks))

    def rewind(self) -> None:
        """Start over with the first block."""
        self.open.clear()
        self._next = 0

    def grow_scratch(self) -> bool:
        """Reserve as much scratch memory as a layer wanted; return whether that is more."""
        if self._scratch_wanted <= self._scratch.size:
            return False
        self._scratch = aligned_zeros(self._scratch_wanted, np.uint8)
        return True

    def give_back(self) -> None:
        """Let the system have what large blocks hold; they are zero when they are used again."""
        for block in (self._scratch, *self._blocks):
            pages = getattr(block.base, "obj", None)
            if isinstance(pages, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                pages.madvise(mmap.MADV_DONTNEED)

    def array(self, *shape: int, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return a contiguous array of this shape with arbitrary content."""
        return self._block(shape, lambda size: aligned_zeros(size, dtype or self.dtype))

    def scratch(self, *shape: int, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return an array whose content lasts no longer than one call of its layer.

        Layers take turns in the same memory, and so may what a layer needs for either way alone. A
        layer that wants more than there is gets an array of its own, until `grow_scratch`.
        """
        dtype, size = np.dtype(dtype or self.dtype), int(np.prod(shape, dtype=np.int64))
        start = self.scratch_used
        end = start + size * dtype.itemsize
        self.scratch_used = end + -end % LINE
        self._scratch_wanted = max(self._scratch_wanted, end)
        if end > self._scratch.size:
            return aligned_zeros(size, dtype).reshape(shape)
        return self._scratch[start:end].view(dtype).reshape(shape)

    def shared(self, *shape: int) -> NDArray[Any]:
        """Return an array of arbitrary content that forked processes share."""
        return self._block(shape, lambda size: shared_zeros(size, self.dtype))

    def for_backward(self, *shape: int, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return an array that only backward needs: empty where no backward will follow."""
        return self.array(*(shape if self.training else (0,)), dtype=dtype)

    def zeros(self, *shape: int) -> NDArray[Any]:
        """Return an array of zeros that no other batch size uses, so what is zero stays so."""
        return aligned_zeros(int(np.prod(shape, dtype=np.int64)), self.dtype).reshape(shape)

    def _block(
        self, shape: tuple[int, ...], reserve: Callable[[int], NDArray[Any]]
    ) -> NDArray[Any]:
        size = int(np.prod(shape, dtype=np.int64))
        if self._next == len(self._blocks):
            self._blocks.append(reserve(size))
        elif self._blocks[self._next].size < size:  # a smaller batch may take larger blocks
            self._blocks[self._next] = reserve(size)
        block = self._blocks[self._next]
        self._next += 1
        return block[:size].reshape(shape)


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """Give a layer everything that its calls with one number of samples write to.

    Args:
        batch: samples in a call.
        memory: where arrays come from.
        gradients: where backward writes the gradient of each parameter, by role.
        wants_input_gradient: whether a layer before has parameters and so wants a gradient.
    """

    batch: int
    memory: Memory
    gradients: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    wants_input_gradient: bool = False

    @property
    def training(self) -> bool:
        """Return whether backward will be called."""
        return self.memory.training

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the element type of activations."""
        return self.memory.dtype

    def array(self, *shape: int, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return a contiguous array (*shape, batch) with arbitrary content."""
        return self.memory.array(*shape, self.batch, dtype=dtype)

    def zeros(self, *shape: int) -> NDArray[Any]:
        """Return an array of zeros (*shape, batch) that nothing else writes to."""
        return self.memory.zeros(*shape, self.batch)

    def for_backward(self, *shape: int, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return an array (*shape, batch) for backward alone: empty where none will follow."""
        return self.memory.for_backward(*shape, self.batch, dtype=dtype)

    def for_input_gradient(self, *shape: int) -> NDArray[Any] | None:
        """Return an array (*shape, batch), or None where the input's gradient is not wanted."""
        return self.array(*shape) if self.wants_input_gradient else None
