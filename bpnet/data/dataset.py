"""Hold samples with their labels, and split some off for validation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.files.stored_array import blocks_of

if TYPE_CHECKING:
    from bpnet.data.endless import EndlessDigits


@dataclass(frozen=True)
class Samples:
    """Pair inputs with what a network should answer; the first axis is the sample.

    Args:
        inputs: pictures (samples, height, width) in uint8, or numbers (samples, *input_shape). Many
            pictures may stay on disk (`StoredArray`): take rows, not all of them.
        targets: class numbers (samples,) in int64, or numbers (samples, outputs).
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.inputs)

    def places(self, numbers: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """Return the rows that hold the samples with these numbers in an epoch: the same ones."""
        return numbers

    def targets_of(self, numbers: NDArray[np.int64], epoch: int) -> NDArray[np.generic]:
        """Return what a network should answer to the samples with these numbers in an epoch."""
        return self.targets.take(self.places(numbers, epoch), axis=0)

    def followed_by(self, more: Samples) -> Samples:
        """Return these samples followed by `more` of the same shape."""
        return Samples(
            np.concatenate([self.inputs, more.inputs]),
            np.concatenate([self.targets, more.targets]),
        )


@dataclass(frozen=True)
class Dataset:
    """Hold the training and the test samples of one data set.

    Args:
        name: the data set's name in a config.
        train: what training and validation may see.
        test: what only the final score may see.
        class_names: one name per class; empty if targets are numbers.
        endless: what training takes instead of those of `train` that are not held out: digits drawn
            without end. They are like those of `train`, by which they are measured and known.
    """

    name: str
    train: Samples
    test: Samples
    class_names: tuple[str, ...]
    endless: EndlessDigits | None = None

    @property
    def has_no_test(self) -> bool:
        """Return whether the training samples serve as test samples, too, as those of a table."""
        return self.test is self.train

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return (channels, height, width) of a picture, or the shape of a row of numbers."""
        shape = self.train.inputs.shape[1:]
        is_picture = self.train.inputs.dtype == np.uint8 and len(shape) == 2
        return (1, *shape) if is_picture else shape

    def fingerprint(self) -> str:
        """Return the SHA-256 of the training samples, by which a resumed run recognises them.

        It is computed once, and takes 40 ms for MNIST.
        """
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for array in (self.train.inputs, self.train.targets):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            for block in blocks_of(array):
                digest.update(np.ascontiguousarray(block).data)
        if self.endless is not None:
            digest.update(self.endless.description().encode())
        return digest.hexdigest()
