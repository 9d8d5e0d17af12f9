"""Give the samples at which gradients are checked: a table's own, or random ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.network import known_input_shape, known_outputs
from bpnet.config.settings import Config
from bpnet.data.load import load_dataset
from bpnet.model.inputs import Normalization, to_inputs
from bpnet.nn.layer import Array

SAMPLES = 8  # at which slopes are compared: the more there are, the more kinks lie around
MOST = 256  # samples of a timed pass, or the config's batch where that is smaller


@dataclass(frozen=True)
class CheckSamples:
    """Hold random samples that suit a network, or a table's own.

    Args:
        inputs: sample first (samples, *input_shape), float64.
        targets: class numbers (samples,) or numbers (samples, outputs).
    """

    inputs: NDArray[np.float64]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.inputs)

    def first(self, count: int) -> CheckSamples:
        """Return the first `count` samples."""
        return CheckSamples(self.inputs[:count], self.targets[:count])

    def moved(self, distance: float, rng: np.random.Generator) -> CheckSamples:
        """Return the same samples with other inputs beside them."""
        return CheckSamples(
            self.inputs + distance * rng.normal(size=self.inputs.shape), self.targets
        )

    def columns(self) -> Array:
        """Return network inputs (*input_shape, samples)."""
        shape = (*self.inputs.shape[1:], len(self))
        return to_inputs(self.inputs, Normalization(), np.empty(shape))


def suitable_samples(config: Config, rng: np.random.Generator) -> CheckSamples:
    """Return a table's own samples, or random ones of the shape that the network takes.

    Random numbers have no ties, unlike the blank areas of real pictures.
    """
    shape, outputs = known_input_shape(config), known_outputs(config)
    if config.data.dataset == "table" or shape is None or outputs is None:
        dataset = load_dataset(config)
        stored, targets = dataset.train.inputs, dataset.train.targets
        if config.data.dataset == "table":
            everything = np.arange(len(stored))
            normal = Normalization.of(config.data.normalize, stored, everything)
            return CheckSamples(normal.scale * stored + normal.offset, targets).first(MOST)
        shape, outputs = dataset.input_shape, len(dataset.class_names)
    count = max(SAMPLES, min(config.train.batch_size, MOST))
    return CheckSamples(rng.normal(size=(count, *shape)), rng.integers(0, outputs, count))
