"""Turn pictures and tables into network inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array

COUNTED = 1 << 19  # bytes whose greys are counted at a time


@dataclass(frozen=True)
class Normalization:
    """Map stored numbers to network inputs: `input = scale · stored + offset`."""

    scale: float = 1.0
    offset: float = 0.0

    @classmethod
    def of(cls, name: str, values: NDArray[Any], index: NDArray[np.int64]) -> Normalization:
        """Return what `[data] normalize` names; `standard` measures the samples in `index`.

        standard: `(x/255 − mean) / std`; unit: `x/255`; none: `x`. Numbers that are not pictures
        have no 255 to be divided by.
        """
        if name == "none":
            return cls()
        if name == "unit":
            return cls(1 / 255 if values.dtype == np.uint8 else 1.0)
        mean, deviation = mean_and_deviation(values, index)
        return cls(1 / (deviation or 1.0), -mean / (deviation or 1.0))


def mean_and_deviation(values: NDArray[Any], index: NDArray[np.int64]) -> tuple[float, float]:
    """Return both over all numbers of the chosen samples."""
    if values.dtype == np.uint8:  # exact, from how often each of the 256 greys occurs
        greys = np.arange(256.0)
        times = grey_counts(values, index).astype(np.float64)
        mean = float(times @ greys / times.sum())
        return mean, float(np.sqrt(times @ (greys - mean) ** 2 / times.sum()))
    chosen = values[index]
    return float(chosen.mean(dtype=np.float64)), float(chosen.std(dtype=np.float64))


def grey_counts(values: NDArray[np.uint8], index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how often each of the 256 greys occurs in the chosen samples.

    Two neighbouring bytes are counted as one number of 16 bits, which takes half the time. Where
    eight look like the first eight, which are paper, they are counted together: a third less.
    """
    size = math.prod(values.shape[1:])
    pairs = np.zeros(1 << 16, dtype=np.int64)
    single = np.zeros(256, dtype=np.int64)
    for block in np.array_split(index, max(1, len(index) * size // COUNTED)):
        chosen = values[block].reshape(-1)
        words = chosen[: len(chosen) // 8 * 8].view(np.uint64)
        others = words[words != words[:1]]
        pairs += np.bincount(others.view(np.uint16), minlength=1 << 16)
        like_first = len(words) - len(others)
        single += like_first * np.bincount(words[:1].view(np.uint8), minlength=256)
        single += np.bincount(chosen[words.nbytes :], minlength=256)
    for axis in (0, 1):
        single += pairs.reshape(256, 256).sum(axis=axis)
    return single


def to_inputs(samples: NDArray[Any], normalization: Normalization, out: Array) -> Array:
    """Turn samples (batch, …) into network inputs (…, batch): the one place that does so.

    Args:
        samples: pictures (batch, height, width) in uint8, or numbers (batch, *input_shape).
        normalization: applied to every number.
        out: inputs (*input_shape, batch), overwritten.
    """
    stored = samples.reshape(len(samples), -1)
    inputs = out.reshape(stored.shape[::-1]).T
    np.copyto(inputs, stored, casting="same_kind")
    inputs *= normalization.scale
    if normalization.offset:
        inputs += normalization.offset
    return out
