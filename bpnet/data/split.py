"""Split samples into those to train on and those held out for validation; shuffle the former."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset
from bpnet.errors import DataError
from bpnet.seeding import derive_rng

FEW = 1 << 16  # labels that are counted rather than sorted


def split_samples(config: Config, dataset: Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of the samples to train on and of those held out for validation.

    Where digits are drawn without end, the former are those by which all are measured.
    """
    held_out = config.data.validation
    if held_out >= len(dataset.train):
        raise DataError(
            "validation would leave no sample to train on",
            where=config.given.get("data.validation", "[data] validation"),
            expected=f"fewer than the {len(dataset.train)} training samples",
            found=held_out,
            hint="--set data.validation=0, or a smaller number",
        )
    return stratified_split(
        dataset.train.targets, held_out, derive_rng(config.train.seed, "validation")
    )


def samples_per_epoch(config: Config, dataset: Dataset) -> int:
    """Return how many samples training takes in an epoch."""
    if dataset.endless is not None:
        return dataset.endless.repeat
    return len(dataset.train) - config.data.validation


def stratified_split(
    targets: NDArray[Any], held_out: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split sample numbers into those to train on and those held out, class by class.

    Each class gives its share of `held_out`, rounded so that the shares add up exactly (largest
    remainder first). Targets that are not class numbers do not affect the split.

    Returns:
        The sorted numbers of the training samples and of the held-out ones.
    """
    samples = len(targets)
    classes = targets if targets.ndim == 1 else np.zeros(samples, dtype=np.int64)
    labels, counts = _unique_counts(classes)
    shares = counts * (held_out / samples)
    sizes = np.floor(shares).astype(np.int64)
    by_remainder = np.argsort(sizes - shares, kind="stable")
    sizes[by_remainder[: held_out - sizes.sum()]] += 1
    chosen = [
        rng.permutation(np.flatnonzero(classes == label))[:size]
        for label, size in zip(labels, sizes, strict=True)
    ]
    validation = np.sort(np.concatenate(chosen)) if held_out else np.empty(0, dtype=np.int64)
    trains = np.ones(samples, dtype=np.bool_)
    trains[validation] = False
    return np.flatnonzero(trains), validation


def _unique_counts(classes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the classes in order, and how often each occurs: numbers without sorting them."""
    if (
        classes.dtype != np.int64
        or not len(classes)
        or not 0 <= classes.min() <= classes.max() < FEW
    ):
        return np.unique(classes, return_counts=True)
    counts = np.bincount(classes)
    labels = np.flatnonzero(counts)
    return labels, counts[labels]


def numbers_of_epoch(dataset: Dataset, training: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of the samples that every epoch takes.

    Args:
        dataset: what training learns from.
        training: the samples that are not held out.
    """
    if dataset.endless is None:
        return training
    return np.arange(dataset.endless.repeat)


def order_of_epoch(
    dataset: Dataset, numbers: NDArray[np.int64], seed: int, epoch: int
) -> NDArray[np.int64]:
    """Return the numbers of the samples in the order in which an epoch takes them.

    Digits that are drawn without end come as they are drawn: in random order already.
    """
    return shuffled(numbers, seed, epoch) if dataset.endless is None else numbers


def shuffled(training: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the numbers of the training samples in the random order of an epoch."""
    return derive_rng(seed, "shuffle", epoch).permutation(training)
