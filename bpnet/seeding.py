"""Derive every random draw from the seed and its place in the run."""

from __future__ import annotations

import zlib

import numpy as np


def derive_rng(seed: int, purpose: str, *place: int) -> np.random.Generator:
    """Return the generator of one purpose at one place: (seed, purpose, place).

    No state is carried from one draw to the next, so a resumed run draws what an uninterrupted
    one would have drawn.
    """
    entropy = (seed, zlib.crc32(purpose.encode()), *place)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))
