"""Draw random numbers as a function of their place: seed, epoch, sample and word.

A generator has a state, and a state ties a sample's numbers to whatever was drawn before. Here
word k of a sample is a hash of its place, so it does not depend on batch, order or worker,
and one vectorised pass draws the words of a whole batch (a `numpy.random.Generator` per sample
would cost more than distorting the picture).

Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (2014):
SplitMix64, which mixes by variant 13 of David Stafford's.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd: the counter's step
_ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def mix64(words: Words, scratch: Words | None = None) -> None:
    """Turn counters into random words, in place, all arithmetic modulo 2^64.

    z ← (z ⊕ z≫30) · 0xBF58476D1CE4E5B9,  z ← (z ⊕ z≫27) · 0x94D049BB133111EB,  z ← z ⊕ z≫31

    Args:
        words: counters of any shape; overwritten.
        scratch: an array of the same shape to work in.
    """
    shifted = np.empty_like(words) if scratch is None else scratch
    for shift, factor in _ROUNDS:
        np.right_shift(words, np.uint64(shift), out=shifted)
        np.bitwise_xor(words, shifted, out=words)
        np.multiply(words, np.uint64(factor), out=words)
    np.right_shift(words, np.uint64(31), out=shifted)
    np.bitwise_xor(words, shifted, out=words)


def word_steps(first: int, count: int) -> Words:
    """Return what to add to a stream to get the counters of its words first … first + count − 1."""
    return np.arange(first + 1, first + count + 1, dtype=np.uint64) * GOLDEN_GAMMA


def sample_streams(seed: int, epoch: int, sample_numbers: NDArray[np.integer]) -> Words:
    """Return the start of each sample's own stream of random words.

    Seed, epoch and sample number are folded in one after the other: z ← mix64(z + place · γ).

    Args:
        seed: any integer; taken modulo 2^64.
        epoch: number of the pass over the data, from 0.
        sample_numbers: numbers (samples,) of the samples within the data set, from 0.
    """
    streams = _epoch_stream(seed, epoch) + sample_numbers.astype(np.uint64) * GOLDEN_GAMMA
    mix64(streams)
    return streams


@lru_cache(maxsize=16)
def _epoch_stream(seed: int, epoch: int) -> Words:
    """Fold in seed and epoch, which a whole epoch has in common."""
    run = np.array([seed % 2**64], dtype=np.uint64)
    mix64(run)
    run += np.array([epoch], dtype=np.uint64) * GOLDEN_GAMMA
    mix64(run)
    return run


def signed_uniforms(streams: Words, count: int) -> NDArray[np.float64]:
    """Draw the first `count` words of each stream as numbers uniform in [−1, 1).

    Returns:
        Numbers (samples, count), those of one word side by side in memory; the upper 53 bits of a
        word make one.
    """
    words = word_steps(0, count)[:, None] + streams
    mix64(words)
    numbers = (words >> np.uint64(11)).astype(np.float64)
    numbers *= 2.0**-52
    numbers -= 1
    return numbers.T
