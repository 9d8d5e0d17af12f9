"""Gather the samples of a batch as a network's inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.data.distortion.augment import Augmenter
from bpnet.data.files.stored_array import is_stored
from bpnet.model.inputs import to_inputs
from bpnet.model.model import Model
from bpnet.nn.layer import Array


def are_costly(model: Model, samples: Samples) -> bool:
    """Return whether samples are distorted or read from disk: better once for all shards."""
    return not model.config.augment.is_identity or is_stored(samples.inputs)


class Feed:
    """Turn numbers of samples into a network's inputs, distorted anew in every epoch.

    Args:
        model: whose settings and normalisation are used.
        samples: the data set's training samples.
        most: samples of the largest call.
    """

    def __init__(self, model: Model, samples: Samples, most: int) -> None:
        self._normalization = model.normalization
        self._samples = samples
        shape, dtype = samples.inputs.shape[1:], samples.inputs.dtype
        self.stored = self._seen = np.empty((most, *shape), dtype)
        config = model.config
        self._augment = None
        if not config.augment.is_identity:
            seed = config.train.seed
            form = model.preparation
            bright = form is not None and form.has_bright_paper
            self._augment = Augmenter(
                config.augment, shape, seed, len(samples), bright_paper=bright
            )
            # Batch last, as inputs are: what has to be written anew may as well be turned.
            self._seen = np.moveaxis(np.empty((*shape, most), dtype), -1, 0)

    def gather(self, index: NDArray[np.int64], epoch: int, out: NDArray[Any]) -> None:
        """Write the samples with these numbers, as they are seen in an epoch, to `out`."""
        if not len(index):
            return
        rows = self._samples.places(index, epoch)
        if self._augment is None:
            self._samples.inputs.take(rows, axis=0, out=out, mode="clip")
            return
        stored = self.stored[: len(index)]
        self._samples.inputs.take(rows, axis=0, out=stored, mode="clip")
        self._augment(stored, index, epoch, out)

    def convert(self, seen: NDArray[Any], out: Array) -> Array:
        """Turn gathered samples (batch, …) into inputs (*input_shape, batch), which it returns."""
        return to_inputs(seen, self._normalization, out)

    def fill(self, index: NDArray[np.int64], epoch: int, out: Array) -> Array:
        """Write the samples with these numbers to `out` (*input_shape, batch)."""
        seen = self._seen[: len(index)]
        self.gather(index, epoch, seen)
        return self.convert(seen, out)

    def targets(self, index: NDArray[np.int64], epoch: int) -> NDArray[np.generic]:
        """Return what the network should answer to these samples in an epoch."""
        return self._samples.targets_of(index, epoch)
