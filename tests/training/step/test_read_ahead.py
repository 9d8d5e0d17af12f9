"""Samples read ahead from disk: the right ones, in any order of asking, and no process left."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.loading import load_config
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.files.stored_array import StoredArray
from bpnet.errors import DataError, WorkerError
from bpnet.model.forks import CAN_FORK
from bpnet.training.ranks.ranks import Ranks
from bpnet.training.step import children as children_module
from bpnet.training.step import read_ahead as module
from bpnet.training.step.batch import Batch, split_evenly
from bpnet.training.step.read_ahead import ReadAhead
from bpnet.training.step.supply import supply_of
from tests.helpers.process_cases import eventually, exit_code, fork, lives, no_hanging, status

COUNT, SIZE = 500, 20
needs_forks = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
both = pytest.mark.parametrize("forks", [pytest.param(True, marks=needs_forks), False])


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "MOST_BYTES", 6 * SIZE * 12)  # six batches
    with no_hanging():
        yield


@pytest.fixture
def pictures() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (COUNT, 3, 4), np.uint8)


@pytest.fixture
def samples(tmp_path: Path, pictures: NDArray[np.uint8]) -> Samples:
    place = tmp_path / "pictures"
    place.write_bytes(pictures.tobytes())
    stored: Any = StoredArray(place, 0, pictures.shape, pictures.dtype)
    return Samples(stored, np.arange(COUNT) % 10)


def every(size: int) -> slice:
    return slice(0, size)


def reading(samples: Samples, count: int = 2, *, forks: bool = True) -> ReadAhead:
    return ReadAhead(samples, SIZE, count, forks=forks, needed=every)


def orders(seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """Yield epochs whose last batch is shorter than the others."""
    rng = np.random.default_rng(seed)
    while True:
        yield rng.permutation(COUNT)[: COUNT - 7]


def take(
    supplied: ReadAhead, order: NDArray[np.int64], pictures: NDArray[np.uint8], first: int = 0
) -> None:
    """Have an epoch handed over from some batch on, and compare each batch with the pictures."""
    for start in range(first * SIZE, len(order), SIZE):
        index, upcoming = order[start : start + SIZE], order[start + SIZE :]
        supplied.hand_over(Batch(index, 0, 0, 0.1), upcoming)
        rows = supplied.samples.places(index, 0)
        np.testing.assert_array_equal(supplied.samples.inputs[rows], pictures[index])
        np.testing.assert_array_equal(supplied.samples.targets_of(index, 0), index % 10)


@both
@pytest.mark.parametrize("count", [1, 3])
def test_every_batch_gets_its_samples(
    samples: Samples, pictures: NDArray[np.uint8], count: int, forks: bool
) -> None:
    with reading(samples, count, forks=forks) as supplied:
        assert len(supplied.children) == (count if forks else 0)
        assert len(supplied.samples) == COUNT
        for _, order in zip(range(3), orders(), strict=False):
            take(supplied, order, pictures)


@both
def test_steps_may_come_otherwise_than_expected(
    samples: Samples, pictures: NDArray[np.uint8], forks: bool
) -> None:
    epochs = orders(1)
    with reading(samples, forks=forks) as supplied:
        take(supplied, next(epochs)[: 3 * SIZE], pictures)  # left in the middle of a window
        take(supplied, next(epochs), pictures, first=4)  # as a resumed run
        for order in (next(epochs), next(epochs)):  # nothing is told of what comes next
            for start in range(0, 5 * SIZE, SIZE):
                take(supplied, order[start : start + SIZE], pictures)
    with supplied:
        take(supplied, next(epochs), pictures)


@pytest.mark.parametrize(
    ("preset", "augmentation"), [("lenet5", ()), ("mlp", ("augment.shift=1",))]
)
def test_a_rank_reads_its_own_samples_alone(
    samples: Samples,
    pictures: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
    preset: str,
    augmentation: tuple[str, ...],
) -> None:
    seen: list[NDArray[np.int64]] = []
    scatter = StoredArray.scatter

    def watched(self: StoredArray, index: NDArray[np.int64], *rest: Any) -> None:
        seen.append(index.copy())  # it is memory that is used again
        scatter(self, index, *rest)

    monkeypatch.setattr(StoredArray, "scatter", watched)
    order = next(orders(2))

    class Second(Ranks):
        number, count = 1, 2

    settings = ("train.batch_size=20", "train.workers=threads", *augmentation)
    config = load_config(preset, settings)
    dataset = Dataset("idx", samples, samples, tuple("0123456789"))
    supplied = supply_of(config, dataset, SIZE, Second())
    assert isinstance(supplied, ReadAhead)
    own = []
    for start in range(0, len(order), SIZE):
        index = order[start : start + SIZE]
        supplied.hand_over(Batch(index, 0, 0, 0.1), order[start + SIZE :])
        own.append(index[split_evenly(len(index), 2, 1)])
        rows = supplied.samples.places(own[-1], 0)
        np.testing.assert_array_equal(supplied.samples.inputs[rows], pictures[own[-1]])
        np.testing.assert_array_equal(supplied.samples.targets_of(index, 0), index % 10)
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.sort(np.concatenate(own)))


def test_hidden_units_see_whole_batches(samples: Samples, pictures: NDArray[np.uint8]) -> None:
    class Second(Ranks):
        number, count = 1, 2

    untouched = (f"augment.{name}=0" for name in ("shift", "rotate", "scale", "shear"))
    settings = ("train.batch_size=20", "train.workers=threads", *untouched)
    config = load_config("mlp", settings)
    assert config.train.split == "units"
    assert config.augment.is_identity
    dataset = Dataset("idx", samples, samples, tuple("0123456789"))
    supplied = supply_of(config, dataset, SIZE, Second())
    assert isinstance(supplied, ReadAhead)
    take(supplied, next(orders(3)), pictures)


def test_a_rank_that_sends_samples_takes_them_as_they_are_asked_for(samples: Samples) -> None:
    dataset = Dataset("idx", samples, samples, tuple("0123456789"))
    ranks = Ranks()
    ranks.served = [1]
    assert supply_of(load_config("lenet5"), dataset, SIZE, ranks) is None


@both
def test_a_file_that_shrinks_is_told(samples: Samples, forks: bool) -> None:
    stored = cast("StoredArray", samples.inputs)
    with reading(samples, forks=forks) as supplied:
        os.truncate(stored.path, 100)
        with pytest.raises(DataError, match="shorter"):
            supplied.hand_over(Batch(np.arange(SIZE), 0, 0, 0.1))


@needs_forks
def test_a_killed_process_is_told_and_leaves_none_behind(
    samples: Samples, pictures: NDArray[np.uint8]
) -> None:
    with pytest.raises(WorkerError, match="reading process has ended"), reading(samples) as two:  # noqa: PT012
        seen = list(two.children)
        os.kill(seen[0], signal.SIGKILL)
        for order in orders():
            take(two, order, pictures)
    assert eventually(lambda: not any(map(lives, seen)))


@needs_forks
def test_a_stopped_process_is_given_up_and_killed(
    samples: Samples, pictures: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children_module, "STOPPED_PATIENCE", 0.2)
    with reading(samples) as two:
        seen = list(two.children)
        os.kill(seen[1], signal.SIGSTOP)
        assert eventually(lambda: status(seen[1]) == "T")
        with pytest.raises(WorkerError, match="reading process has been stopped"):
            take(two, next(orders()), pictures)
    assert eventually(lambda: not any(map(lives, seen)))


@needs_forks
def test_processes_end_when_their_parent_is_killed(samples: Samples) -> None:
    receiving, writing = os.pipe()

    def task() -> None:
        with reading(samples) as two:
            two.hand_over(Batch(np.arange(SIZE), 0, 0, 0.1))
            os.write(writing, " ".join(map(str, two.children)).encode() + b"\n")
            os.kill(os.getpid(), signal.SIGKILL)

    assert exit_code(fork(task)) == -signal.SIGKILL
    os.close(writing)
    with os.fdopen(receiving) as pipe:
        seen = list(map(int, pipe.readline().split()))
    assert len(seen) == 2
    assert eventually(lambda: not any(map(lives, seen)))
