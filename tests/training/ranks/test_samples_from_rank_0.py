"""What a rank knows and holds of a data set that lies elsewhere."""

import numpy as np
import pytest

from bpnet.training.ranks.delivery import SampleBuffer
from bpnet.training.ranks.needs import Needs
from bpnet.training.ranks.ranks import Ranks
from bpnet.training.ranks.remote import DatasetFacts, ReceivedArray
from tests.helpers.tiny import draw_dataset

DATASET = draw_dataset(40)


def test_the_rows_of_a_step_are_taken_by_their_numbers() -> None:
    images = DATASET.train.inputs
    received = ReceivedArray(images.shape, images.dtype)
    received.reserve(5)
    for numbers in ([7, 3, 39, 0, 12], [4, 5, 1]):
        index = np.array(numbers)
        received.hold(index, images[index])
        for some in (index, index[1:], index[:0]):
            out = np.zeros((len(some), 8, 8), np.uint8)
            received.take(some, axis=0, out=out, mode="clip")
            np.testing.assert_array_equal(out, images[some])
            np.testing.assert_array_equal(received.take(some, axis=0), out)


@pytest.mark.parametrize("missing", [2, 5, 39])
def test_rows_of_another_step_are_not_taken(missing: int) -> None:
    images = DATASET.train.inputs
    received = ReceivedArray(images.shape, images.dtype)
    received.reserve(5)
    index = np.array([9, 3])
    received.hold(index, images[index])
    with pytest.raises(LookupError):
        received.take(np.array([3, missing]))


def test_what_stands_in_for_a_data_set_looks_like_it() -> None:
    other = DatasetFacts.of(DATASET).dataset()
    assert other.fingerprint() == DATASET.fingerprint()
    assert len(other.train) == len(DATASET.train)
    assert other.input_shape == DATASET.input_shape
    assert other.train.targets.ndim == 1
    assert other.class_names == DATASET.class_names
    assert not len(other.test)


def test_a_message_holds_inputs_and_targets() -> None:
    buffer = SampleBuffer(DATASET.train, 7)
    for inputs, targets in ((7, 7), (3, 7), (0, 2), (0, 0)):
        rows = buffer.rows(inputs, targets)
        rows.inputs[...] = DATASET.train.inputs[:inputs]
        rows.targets[...] = DATASET.train.targets[:targets]
        again = buffer.rows(inputs, targets)
        np.testing.assert_array_equal(again.inputs, DATASET.train.inputs[:inputs])
        np.testing.assert_array_equal(again.targets, DATASET.train.targets[:targets])
        assert rows.memory.nbytes < inputs * 64 + targets * 8 + 8


@pytest.mark.parametrize("batch_size", [2, 13, 16])
def test_ranks_need_what_their_shards_have_and_no_more(batch_size: int) -> None:
    ranks = Ranks()
    ranks.count = 3
    own = [Needs(7).of(ranks.own(7, rank), batch_size) for rank in range(3)]
    assert [inputs for inputs, _ in own] == [targets for _, targets in own]
    chosen = [number for inputs, _ in own for number in range(batch_size)[inputs]]
    assert chosen == list(range(batch_size))
    whole = slice(0, batch_size)
    units = Needs(7, all_targets=True).of(ranks.own(7, 1), batch_size)
    assert units == (own[1][0], whole)
    assert Needs(7, all_inputs=True, all_targets=True).of(range(1), batch_size) == (whole, whole)
