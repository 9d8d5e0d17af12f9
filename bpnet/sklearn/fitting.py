"""Train a network on samples in memory; nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset
from bpnet.errors import DataError
from bpnet.machine import blas_threads
from bpnet.model.checkpoint import Checkpoint
from bpnet.model.model import Model
from bpnet.model.workers import Workers
from bpnet.training.loop import Trainer
from bpnet.training.run import prepare_model
from bpnet.training.saving import model_record, named_arrays

Stored = tuple[dict[str, Any], dict[str, NDArray[Any]]]  # record and arrays of a checkpoint
NOWHERE = Path("DigitClassifier.fit")  # stands where a run would name its directory


class MemoryTrainer(Trainer):
    """Train, and keep the weights of the best epoch in memory instead of in `best.npz`.

    As there, those of the last epoch are the best where no samples were held out.
    """

    best: Stored

    def save(self, *, best: bool = False) -> None:
        """Keep what `best.npz` would hold, but for the optimiser's memories."""
        if not best and len(self.validation):
            return
        record, arrays = self.state()
        kept = {name: a.copy() for name, a in arrays.items() if not name.startswith("optimizer/")}
        self.best = record, kept

    def best_model(self) -> Model:
        """Return the network with these weights, averaged ones where there are some."""
        return restored(*self.best)


def fit_model(config: Config, dataset: Dataset) -> tuple[Model, list[dict[str, Any]]]:
    """Train what a config describes on the training part of a data set.

    Returns:
        The network of the best epoch, and the metrics of every epoch.

    Raises:
        ConfigError: the network does not fit the data or the memory of this machine.
        DataError: the numbers are so large, or so nearly equal, that they cannot be normalised.
        DivergedError: a loss or weight is no longer finite.
    """
    with blas_threads(1), Workers(1, "threads") as workers:
        with np.errstate(all="ignore"):  # what overflows is found here
            model = prepare_model(config, dataset)
        demand_normalization(model, dataset)
        trainer = MemoryTrainer(model, dataset, NOWHERE, workers, fingerprint="")
        trainer.run()
        return trainer.best_model(), trainer.progress.history


def demand_normalization(model: Model, dataset: Dataset) -> None:
    """Make sure that a factor and an offset make inputs of the samples."""
    scale, offset = model.normalization.scale, model.normalization.offset
    if not (scale > 0 and np.isfinite([scale, offset]).all()):
        inputs = dataset.train.inputs
        raise DataError(
            "the samples cannot be normalised",
            where="normalize",
            expected="numbers whose mean and deviation are finite",
            found=f"numbers from {inputs.min():g} to {inputs.max():g}",
            hint="scale them first, as StandardScaler does",
        )


def stored(model: Model) -> Stored:
    """Return the record and the arrays of a checkpoint that holds a network without its run."""
    network = model.network
    groups = {"parameters": network.parameters, "state": network.state}
    arrays = {name: np.array(array) for name, array in named_arrays(groups).items()}
    return model_record(model), arrays


def restored(record: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Model:
    """Return the network that a checkpoint's record and arrays hold."""
    return Checkpoint(NOWHERE, record, arrays).model()
