"""What layers are given to work in: element type, size, and the same blocks again."""

import numpy as np
import pytest

from bpnet.nn.memory import Memory, Room


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
