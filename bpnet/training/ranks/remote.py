"""Know a data set that lies elsewhere, of which this rank holds the samples of one step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Dataset, Samples
from bpnet.data.endless import EndlessDigits
from bpnet.nn.memory import shared_zeros


class ReceivedArray:
    """Stand in for an array of all samples, and hold the rows of one step.

    It has what the shards of a step use: shape, type, length, and `take` for the rows it holds. The
    processes that are forked from this one share them.

    Args:
        shape: of the array of all samples.
        dtype: of its elements.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self.reserve(0)

    @property
    def ndim(self) -> int:
        """Return the number of dimensions."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def reserve(self, most: int) -> None:
        """Make room for so many rows; those that were here are lost."""
        size = int(np.prod(self.shape[1:], dtype=np.int64))
        rows: NDArray[Any] = shared_zeros(most * size, self.dtype)
        self._rows = rows.reshape(most, *self.shape[1:])
        self._numbers = shared_zeros(most, np.int64).view(np.int64)  # in ascending order
        self._places = shared_zeros(most, np.int64).view(np.int64)  # of these rows
        self._count = shared_zeros(1, np.int64).view(np.int64)

    def hold(self, numbers: NDArray[np.int64], rows: NDArray[Any]) -> None:
        """Replace what is held by the rows with these numbers, each of which occurs once."""
        count = self._count[0] = len(numbers)
        order = np.argsort(numbers)
        self._rows[:count] = rows
        self._places[:count] = order
        self._numbers[:count] = numbers[order]

    def take(
        self,
        index: NDArray[np.int64],
        axis: int = 0,
        out: NDArray[Any] | None = None,
        mode: str = "raise",
    ) -> NDArray[Any]:
        """Return the rows with these numbers (rows,), in `out` where it is given.

        Args:
            index: numbers among all samples.
            axis: 0.
            out: as for NumPy's `take`.
            mode: there is no other than to raise.

        Raises:
            LookupError: some are not held.
        """
        assert axis == 0, "rows alone are received"
        count = int(self._count[0])
        found = np.searchsorted(self._numbers[:count], index)
        if len(index) and (found.max() >= count or (self._numbers[found] != index).any()):
            raise LookupError("samples of another step are here")
        return self._rows.take(self._places[found], axis=0, out=out, mode="clip")


@dataclass(frozen=True)
class RemoteDataset(Dataset):
    """Know what a data set looks like whose samples rank 0 sends, step by step.

    Args:
        known_fingerprint: that of the data set, which only rank 0 can compute.
    """

    known_fingerprint: str = field(kw_only=True)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the training samples, as rank 0 has found it."""
        return self.known_fingerprint


class DatasetFacts(NamedTuple):
    """Hold what rank 0 tells of a data set.

    Args:
        name: the data set's name in a config.
        class_names: one name per class.
        inputs: shape and type of the array of all training inputs.
        targets: the same of the targets.
        fingerprint: SHA-256 of the training samples.
        endless: what every rank draws for itself, if training takes that.
    """

    name: str
    class_names: tuple[str, ...]
    inputs: tuple[tuple[int, ...], np.dtype[Any]]
    targets: tuple[tuple[int, ...], np.dtype[Any]]
    fingerprint: str
    endless: EndlessDigits | None

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Return those of a data set that is here."""
        inputs, targets = (
            (array.shape, array.dtype) for array in (dataset.train.inputs, dataset.train.targets)
        )
        names, fingerprint = dataset.class_names, dataset.fingerprint()
        return cls(dataset.name, names, inputs, targets, fingerprint, dataset.endless)

    def dataset(self) -> RemoteDataset:
        """Return the data set as a rank knows it that lacks it, without test samples."""
        (shape, dtype), (target_shape, target_dtype) = self.inputs, self.targets
        received = ReceivedArray(shape, dtype), ReceivedArray(target_shape, target_dtype)
        train = Samples(*cast("tuple[NDArray[Any], NDArray[Any]]", received))
        test = Samples(np.empty((0, *shape[1:]), dtype), np.empty((0, *target_shape[1:])))
        return RemoteDataset(
            self.name,
            train,
            test,
            self.class_names,
            endless=self.endless,
            known_fingerprint=self.fingerprint,
        )
