"""Cut a training step into parts that are computed side by side, in phases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bpnet.data.augment import Augmenter
from bpnet.data.dataset import Samples
from bpnet.data.distortion.warp import Reserve, own_bytes
from bpnet.model import Model, to_inputs
from bpnet.nn.layer import Array


@dataclass(frozen=True, slots=True)
class Order:
    """Say what one step is about.

    Args:
        index: numbers of the batch's samples in the data set.
        epoch: number of the epoch, and
        step: of the step, both from 0; they fix all random draws.
        learning_rate: of this step.
    """

    index: NDArray[np.int64]
    epoch: int
    step: int
    learning_rate: float


Phase = Callable[[Order], None]


class Part(Protocol):
    """Compute one part of every step.

    All parts of a step have the same number of phases, and a phase may read what other parts have
    written in the phases before. So the same parts give the same bits, whoever computes them.
    """

    @property
    def phases(self) -> Sequence[Phase]:
        """Return what is to be done, in order."""
        ...


def share(whole: int, parts: int, number: int) -> slice:
    """Return which elements of `whole` part `number` has: nearly equal shares, larger ones first.

    With fewer elements than parts the last shares are empty.
    """
    size, larger = divmod(whole, parts)
    start = number * size + min(number, larger)
    return slice(start, start + size + (number < larger))


class Feed:
    """Turn numbers of samples into a network's inputs, distorted anew in every epoch.

    Args:
        model: whose settings and normalisation are used.
        samples: the data set's training samples.
        most: samples of the largest call.
        reserve: gives memory that others may write to between two calls.
    """

    def __init__(
        self, model: Model, samples: Samples, most: int, reserve: Reserve = own_bytes
    ) -> None:
        self._normalization = model.normalization
        self._samples = samples
        shape, dtype = samples.inputs.shape[1:], samples.inputs.dtype
        self.stored = self._seen = np.empty((most, *shape), dtype)
        config = model.config
        self._augment = None
        if not config.augment.is_identity:
            seed = config.train.seed
            self._augment = Augmenter(config.augment, shape, seed, len(samples), reserve)
            # Batch last, as inputs are: what has to be written anew may as well be turned.
            self._seen = np.moveaxis(np.empty((*shape, most), dtype), -1, 0)

    @property
    def augments(self) -> bool:
        """Tell whether samples are distorted, which costs more than all else here."""
        return self._augment is not None

    def gather(self, index: NDArray[np.int64], epoch: int, out: NDArray[Any]) -> None:
        """Write the samples with these numbers, as they are seen in an epoch, to `out`."""
        if not len(index):
            return
        if self._augment is None:
            self._samples.inputs.take(index, axis=0, out=out, mode="clip")
            return
        stored = self.stored[: len(index)]
        self._samples.inputs.take(index, axis=0, out=stored, mode="clip")
        self._augment(stored, index, epoch, out)

    def convert(self, seen: NDArray[Any], out: Array, rows: Array | None = None) -> Array:
        """Turn gathered samples into inputs.

        Args:
            seen: samples (batch, …).
            out: inputs (*input_shape, batch), overwritten.
            rows: gets the same inputs sample by sample (batch, features), if given.
        """
        return to_inputs(seen, self._normalization, out, rows)

    def fill(self, index: NDArray[np.int64], epoch: int, out: Array) -> Array:
        """Write the samples with these numbers to `out` (*input_shape, batch)."""
        seen = self._seen[: len(index)]
        self.gather(index, epoch, seen)
        return self.convert(seen, out)

    def targets(self, index: NDArray[np.int64]) -> NDArray[np.generic]:
        """Return what the network should answer to these samples."""
        return self._samples.targets.take(index, axis=0)
