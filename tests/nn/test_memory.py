"""What layers are given to work in: element type, size, and the same blocks again."""

import errno
import mmap
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.nn.memory import LARGE, LINE, Memory, Room, aligned_zeros, shared_zeros


def resident() -> int:
    """Return how many bytes of memory this process has (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * mmap.PAGESIZE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False])
def test_a_room_has_the_element_type_and_purpose_of_its_memory(dtype: type, training: bool) -> None:
    room = Room(3, Memory(dtype, training=training))
    assert (room.dtype, room.training) == (np.dtype(dtype), training)
    for array in (room.array(2), room.zeros(2)):
        assert (array.dtype, array.shape) == (np.dtype(dtype), (2, 3))
    assert room.for_backward(2, dtype=np.bool_).shape == ((2, 3) if training else (0,))


def test_shorter_batches_work_in_the_blocks_of_longer_ones() -> None:
    memory = Memory(np.float64, training=True)
    first = [memory.array(4, 5), memory.array(6)]
    reserved = memory.reserved_bytes
    memory.rewind()
    again = [memory.array(4, 3), memory.array(5)]
    assert memory.reserved_bytes == reserved
    assert all(map(np.shares_memory, first, again))
    assert not np.shares_memory(again[0], again[1])
    memory.rewind()
    assert memory.array(4, 9).shape == (4, 9)  # a block that is too small is replaced


def test_layers_take_turns_in_scratch_memory() -> None:
    memory = Memory(np.float32, training=True)
    for wanted in (100, 300, 200):  # one layer after the other
        memory.scratch_used = 0
        one, flags = memory.scratch(wanted), memory.scratch(3, 5, dtype=np.bool_)
        assert (one.dtype, flags.dtype) == (np.dtype(np.float32), np.dtype(np.bool_))
        assert flags.shape == (3, 5)
        assert not np.shares_memory(one, flags)
    assert memory.grow_scratch()
    assert not memory.grow_scratch()  # all have enough now
    taken = []
    for wanted in (100, 300, 200):
        memory.scratch_used = 0
        one, other = memory.scratch(wanted), memory.scratch(3, 5, dtype=np.bool_)
        assert not np.shares_memory(one, other)
        assert one.ctypes.data % LINE == other.ctypes.data % LINE == 0
        taken.append(one)
    assert all(np.shares_memory(taken[0], one) for one in taken)
    assert memory.reserved_bytes < 2 * 4 * 300


def test_what_one_way_alone_needs_takes_the_place_of_the_other() -> None:
    memory = Memory(np.float32, training=True)
    for _ in range(2):
        memory.scratch_used = 0
        both = memory.scratch(50)
        of_both_ways = memory.scratch_used
        forward = memory.scratch(70)
        memory.scratch_used = of_both_ways
        backward = memory.scratch(60)
        memory.grow_scratch()
    assert np.shares_memory(forward, backward)
    assert not np.shares_memory(both, forward)
    assert not np.shares_memory(both, backward)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_that_is_given_back_is_zero_when_it_is_used_again() -> None:
    memory = Memory(np.uint8, training=True)
    memory.scratch(8 << 20)
    memory.grow_scratch()
    memory.scratch_used = 0
    arrays = [memory.array(8 << 20), memory.scratch(8 << 20), memory.array(4)]
    for array in arrays:
        array.fill(1)
    before = resident()
    memory.give_back()
    assert before - resident() > 12 << 20
    assert not arrays[0].any()
    assert not arrays[1].any()
    assert arrays[2].all()  # too small to be a page


@pytest.mark.parametrize("size", [1, 1000, LARGE])
def test_vectors_are_zero_and_begin_with_a_cache_line(size: int) -> None:
    for dtype in (np.float32, np.float64, np.bool_):
        vector = aligned_zeros(size, dtype)
        assert (vector.size, vector.dtype) == (size, np.dtype(dtype))
        assert not vector.any()
        assert vector.ctypes.data % LINE == 0
        vector[-1] = 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_vectors_take_memory_only_where_they_are_written() -> None:
    size = 8 << 20
    again = [aligned_zeros(size, np.uint8) for _ in range(2)]
    del again  # what the allocator learns from it must not make it keep the next ones
    before = resident()
    vector = aligned_zeros(size, np.uint8)
    assert resident() - before < size // 8
    vector[:] = 1
    assert resident() - before > size // 2
    del vector
    assert resident() - before < size // 8


@pytest.mark.parametrize("reserve", [aligned_zeros, shared_zeros])
def test_what_the_system_cannot_give_is_a_lack_of_memory(
    reserve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(mmap, "mmap", refuse)
    with pytest.raises(MemoryError, match="4,194,304 bytes"):
        reserve(1 << 20, np.float32)
