"""Send the ranks that lack the data set the samples of their shards, one step ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.nn.memory import aligned_zeros
from bpnet.training.ranks.needs import Needs
from bpnet.training.ranks.remote import ReceivedArray

if TYPE_CHECKING:
    from mpi4py import MPI

    from bpnet.training.ranks.mpi import MpiRanks

SAMPLES = 4  # tag: see `mpi.py`


class Delivery(Protocol):
    """Bring samples to where a step needs them."""

    def bring(self, index: NDArray[np.int64], upcoming: NDArray[np.int64]) -> None:
        """Have the samples of a batch there, and begin with those of the next one.

        Args:
            index: numbers of this batch's samples.
            upcoming: those of the batches after it; none where they are not known yet.

        Raises:
            RankError: another rank has failed.
        """


class Rows(NamedTuple):
    """View what one message holds.

    Args:
        memory: all of it, in bytes.
        inputs: (samples, …).
        targets: (samples, …).
    """

    memory: NDArray[np.uint8]
    inputs: NDArray[Any]
    targets: NDArray[Any]


class SampleBuffer:
    """Hold the inputs and then the targets of some samples in one piece of memory.

    Args:
        samples: of the data set.
        most: samples of the largest batch.
    """

    def __init__(self, samples: Samples, most: int) -> None:
        self._kinds = [
            (array.shape[1:], array.dtype, array.dtype.itemsize * int(np.prod(array.shape[1:])))
            for array in (samples.inputs, samples.targets)
        ]
        self._memory = aligned_zeros(sum(most * size + 8 for _, _, size in self._kinds), np.uint8)

    def rows(self, inputs: int, targets: int) -> Rows:
        """Return views of so many inputs and targets."""
        views, start = [], 0
        for (shape, dtype, size), count in zip(self._kinds, (inputs, targets), strict=True):
            place = self._memory[start : start + count * size]
            views.append(place.view(dtype).reshape(count, *shape))
            start += place.size + -place.size % 8
        return Rows(self._memory[:start], views[0], views[1])


class Sender:
    """Send every rank that lacks the data set what it needs: this is rank 0's part.

    All ranks know the order of an epoch, so nobody asks. A message is under way while the step
    before is computed.

    Args:
        ranks: all of them.
        samples: the data set's training samples.
        most: samples of the largest batch.
        needs: what shards look at.
    """

    def __init__(self, ranks: MpiRanks, samples: Samples, most: int, needs: Needs) -> None:
        self._ranks, self._samples, self._needs = ranks, samples, needs
        self._buffers = {rank: SampleBuffer(samples, most) for rank in ranks.served}
        self._requests: list[MPI.Request] = []
        self._is_ahead = False

    def bring(self, index: NDArray[np.int64], upcoming: NDArray[np.int64]) -> None:
        """Send what has not been sent of a batch, and begin with the next one.

        Raises:
            RankError: another rank has failed.
        """
        upcoming = upcoming[: len(index)]
        if not self._is_ahead:
            self._send(index)
        if len(upcoming):
            self._send(upcoming)
        self._is_ahead = bool(len(upcoming))

    def _send(self, index: NDArray[np.int64]) -> None:
        """Begin to send a batch, once the buffers are free."""
        for request in self._requests:
            self._ranks.wait(request)
        self._requests.clear()
        for rank, buffer in self._buffers.items():
            inputs, targets = self._needs.of(self._ranks.own(self._needs.shards, rank), len(index))
            rows = buffer.rows(inputs.stop - inputs.start, targets.stop - targets.start)
            self._samples.inputs.take(index[inputs], axis=0, out=rows.inputs, mode="clip")
            self._samples.targets.take(index[targets], axis=0, out=rows.targets, mode="clip")
            message = [rows.memory, self._ranks.byte]
            self._requests.append(self._ranks.communicator.Isend(message, rank, SAMPLES))


class Receiver:
    """Receive what own shards need, and put it where they look for it.

    Args:
        ranks: all of them.
        samples: arrays that stand in for those of the data set.
        most: samples of the largest batch.
        needs: what shards look at.
    """

    def __init__(self, ranks: MpiRanks, samples: Samples, most: int, needs: Needs) -> None:
        self._ranks, self._needs = ranks, needs
        received = (samples.inputs, samples.targets)
        self._inputs, self._targets = cast("tuple[ReceivedArray, ReceivedArray]", received)
        self._inputs.reserve(most)
        self._targets.reserve(most)
        self._buffer = SampleBuffer(samples, most)
        self._request: MPI.Request | None = None

    def bring(self, index: NDArray[np.int64], upcoming: NDArray[np.int64]) -> None:
        """Wait for the samples of a batch, and expect those of the next one.

        Raises:
            RankError: another rank has failed.
        """
        request = self._request or self._expect(len(index))
        self._ranks.wait(request)
        inputs, targets = self._places(len(index))
        rows = self._rows(len(index))
        self._inputs.hold(index[inputs], rows.inputs)
        self._targets.hold(index[targets], rows.targets)
        following = min(len(index), len(upcoming))
        self._request = self._expect(following) if following else None

    def _expect(self, batch_size: int) -> MPI.Request:
        """Begin to receive a batch of this size."""
        message = [self._rows(batch_size).memory, self._ranks.byte]
        return self._ranks.communicator.Irecv(message, 0, SAMPLES)

    def _places(self, batch_size: int) -> tuple[slice, slice]:
        return self._needs.of(self._ranks.own(self._needs.shards), batch_size)

    def _rows(self, batch_size: int) -> Rows:
        inputs, targets = self._places(batch_size)
        return self._buffer.rows(inputs.stop - inputs.start, targets.stop - targets.start)
