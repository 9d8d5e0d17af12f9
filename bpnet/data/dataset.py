"""Hold samples with their labels, and split some off for validation."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Samples:
    """Pair inputs with what a network should answer, sample first.

    Args:
        inputs: pictures (samples, height, width) in uint8, or numbers (samples, *input_shape).
        targets: class numbers (samples,) in int64, or numbers (samples, outputs).
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.inputs)

    def followed_by(self, more: "Samples") -> "Samples":
        """Return these samples and, behind them, `more` of the same shape."""
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
        class_names: one name per class; empty where targets are numbers.
    """

    name: str
    train: Samples
    test: Samples
    class_names: tuple[str, ...]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return (channels, height, width) of a picture, or the shape of a row of numbers."""
        shape = self.train.inputs.shape[1:]
        is_picture = self.train.inputs.dtype == np.uint8 and len(shape) == 2
        return (1, *shape) if is_picture else shape

    def fingerprint(self) -> str:
        """Return the SHA-256 of the training samples, by which a resumed run knows them again."""
        digest = hashlib.sha256()
        for array in (self.train.inputs, self.train.targets):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def stratified_split(
    targets: NDArray[Any], held_out: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split sample numbers into those to train on and those held out, class by class.

    Each class gives its share of `held_out`, rounded so that the shares add up exactly (largest
    remainder first). Targets that are not class numbers are split without regard to them.

    Returns:
        The sorted numbers of the training samples and of the held-out ones.
    """
    samples = len(targets)
    classes = targets if targets.ndim == 1 else np.zeros(samples, dtype=np.int64)
    labels, counts = np.unique(classes, return_counts=True)
    shares = counts * (held_out / samples)
    sizes = np.floor(shares).astype(np.int64)
    by_remainder = np.argsort(sizes - shares, kind="stable")
    sizes[by_remainder[: held_out - sizes.sum()]] += 1
    chosen = [
        rng.permutation(np.flatnonzero(classes == label))[:size]
        for label, size in zip(labels, sizes, strict=True)
    ]
    validation = np.sort(np.concatenate(chosen)) if held_out else np.empty(0, dtype=np.int64)
    return np.setdiff1d(np.arange(samples), validation, assume_unique=True), validation
