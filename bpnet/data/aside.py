"""Put samples aside that are not needed yet, in a file instead of memory."""

from __future__ import annotations

import dataclasses
import mmap
import os
from contextlib import suppress
from tempfile import TemporaryFile

import numpy as np

from bpnet.data.dataset import Dataset, Samples
from bpnet.data.files.stored_array import is_stored


def with_test_aside(dataset: Dataset) -> Dataset:
    """Return a data set whose test samples take no memory before they are looked at."""
    if dataset.has_no_test:
        return dataset
    return dataclasses.replace(dataset, test=aside(dataset.test))


def aside(samples: Samples) -> Samples:
    """Return the same samples, whose inputs lie in a file that has no name.

    They cannot be written to. The file is gone with the last process that has them. Where it cannot
    be written, they stay in memory.
    """
    if is_stored(samples.inputs):
        return samples
    inputs = np.ascontiguousarray(samples.inputs)
    if os.name == "posix" and inputs.size:
        with suppress(OSError), TemporaryFile(buffering=0) as file:
            if file.write(inputs.data.cast("B")) == inputs.nbytes:
                pages = mmap.mmap(file.fileno(), inputs.nbytes, prot=mmap.PROT_READ)
                read = np.frombuffer(pages, dtype=inputs.dtype).reshape(inputs.shape)
                return Samples(read, samples.targets)
    return samples
