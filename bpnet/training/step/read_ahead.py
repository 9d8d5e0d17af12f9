"""Have samples that stay on disk read ahead of the steps that learn from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.data.files.stored_array import StoredArray
from bpnet.errors import DataError
from bpnet.nn.memory import shared_zeros
from bpnet.training.step.ahead import Preparers
from bpnet.training.step.batch import Batch
from bpnet.training.step.supply import NO_SAMPLES

MOST_BYTES = 1 << 24  # of a window's pictures, or a batch where it has more

Choice = Callable[[int], slice]


@dataclass(frozen=True)
class WindowSamples(Samples):
    """Hold those inputs of a data set on disk that the next batches learn from, and all targets.

    Args:
        rows: of each sample of the data set, the row of the inputs here, if it has one (samples,).
    """

    rows: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many samples the data set has."""
        return len(self.rows)

    def places(self, numbers: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """Return the rows that hold the samples with these numbers."""
        return self.rows.take(numbers)

    def targets_of(self, numbers: NDArray[np.int64], epoch: int) -> NDArray[np.generic]:
        """Return what a network should answer: also to samples whose inputs are not here."""
        return self.targets.take(numbers, axis=0)


class ReadAhead(Preparers):
    """Hand over the samples of each batch, which processes of their own read from disk.

    The order of an epoch is known, so many batches are read at once, a window: one after the other
    in the order of their places on the disk, a picture takes a fraction of the time that it takes
    between two batches. Steps learn from one window while the next is read into the other. All
    processes read at the same time, a part each, so that the workers of a step, which wait for each
    other, lose time together.

    Use it as a context: leaving it ends the processes, and should this one die, they end on their
    own. Without processes a window is read when its first batch comes.

    Args:
        samples: of the data set; their inputs stay on disk.
        most: samples of the largest batch.
        count: processes.
        forks: whether there may be processes.
        needed: whose inputs of a batch of some size are looked at here.
    """

    def __init__(
        self, samples: Samples, most: int, count: int, *, forks: bool, needed: Choice
    ) -> None:
        super().__init__("a reading process", count, forks=forks)
        self._stored = cast("StoredArray", samples.inputs)
        self._needed = needed
        own = needed(most)
        self._batches = max(1, MOST_BYTES // (most * samples.inputs[:1].nbytes))
        self._room = self._batches * (own.stop - own.start + 1)  # a shorter batch may give one more
        self.samples = WindowSamples(
            _shared((2 * self._room, *self._stored.shape[1:]), self._stored.dtype),
            samples.targets,
            shared_zeros(len(samples), np.int64).view(np.int64),
        )
        self._numbers = shared_zeros(self._room, np.int64).view(np.int64)  # to be read
        self._request = shared_zeros(3, np.int64).data.cast("B").cast("q")  # which, how many, where
        self._done = shared_zeros(count, np.int64).data.cast("B").cast("q")  # −n: n has failed
        self._left = self._following = NO_SAMPLES  # of the window in use, and of the one being read
        self._half = 0  # that the window in use lies in

    def __enter__(self) -> Self:
        self._left = self._following = NO_SAMPLES
        self._request[0] = 0
        for number in range(self.count):
            self._done[number] = 0
        self.start(self._serve)
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def hand_over(self, batch: Batch, upcoming: NDArray[np.int64] = NO_SAMPLES) -> None:
        """Wait until the samples of a batch are there; those before it may be replaced.

        Args:
            batch: whose samples are wanted.
            upcoming: numbers of those that will be wanted then, in order.

        Raises:
            DataError: they cannot be read.
            WorkerError: a process has been killed or stopped.
        """
        size = len(batch.index)
        if not _begins_with(self._left, batch.index):
            if not _begins_with(self._following, batch.index):
                self._finish()  # of a window that nobody wants any more
                window = self._batches * size
                self._begin(np.concatenate([batch.index, upcoming[: window - size]]), size)
            self._finish()
            self._left, self._following = self._following, NO_SAMPLES
            self._half = 1 - self._half
            self._begin(upcoming[len(self._left) - size :][: self._batches * size], size)
        self._left = self._left[size:]

    def _begin(self, window: NDArray[np.int64], size: int) -> None:
        """Let the batches of a window be read into the half that is not in use."""
        self._following = window
        if not len(window):
            return
        numbers = window if self._needed(size) == slice(0, size) else self._own_of(window, size)
        self._numbers[: len(numbers)] = numbers
        self._request[1], self._request[2] = len(numbers), (1 - self._half) * self._room
        self._request[0] += 1

    def _own_of(self, window: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """Return what is needed here of the batches of a window; the last may be shorter."""
        end = len(window) // size * size
        whole, last = window[:end].reshape(-1, size), window[end:]
        own = whole[:, self._needed(size)].reshape(-1)
        return np.concatenate([own, last[self._needed(len(last))]]) if len(last) else own

    def _finish(self) -> None:
        """Wait until the window is read that was begun last, and note where its samples lie."""
        if not len(self._following):
            return
        number, count, first = self._request.tolist()
        if self.children:
            self.wait_until(lambda: all(abs(done) == number for done in self._done))
        if not self.children or min(self._done.tolist()) < 0:
            self._read(0, 1)  # where it failed, it fails here, and can be told
            for reader in range(self.count):
                self._done[reader] = number
        self.samples.rows[self._numbers[:count]] = np.arange(first, first + count)

    def _read(self, part: int, parts: int) -> None:
        """Read one of several parts of the window."""
        count, first = self._request[1], self._request[2]
        start, stop = part * count // parts, (part + 1) * count // parts
        rows = np.arange(first + start, first + stop)
        self._stored.scatter(self._numbers[start:stop], self.samples.inputs, rows)

    def _serve(self, number: int, pause: Callable[[], None]) -> None:
        """Read in a process of its own, until its parent ends it or dies."""
        while True:
            while self._request[0] == abs(self._done[number]):
                pause()
            asked = self._request[0]
            try:
                self._read(number, self.count)
            except DataError:
                asked = -asked
            self._done[number] = asked


def _shared(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return zeros that forked processes share."""
    zeros: NDArray[Any] = shared_zeros(int(np.prod(shape)), dtype).view(dtype)
    return zeros.reshape(shape)


def _begins_with(window: NDArray[np.int64], index: NDArray[np.int64]) -> bool:
    return np.array_equal(window[: len(index)], index)
