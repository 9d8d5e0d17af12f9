"""Train tiny networks on several ranks: what `mpirun` starts in the tests of equal bits."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.files.stored_array import StoredArray
from bpnet.errors import ConfigError
from bpnet.machine import blas_threads
from bpnet.model.workers import Workers
from bpnet.training.loop import Trainer
from bpnet.training.ranks.joining import join
from bpnet.training.ranks.ranks import Ranks
from bpnet.training.ranks.remote import DatasetFacts
from bpnet.training.run import prepare_model
from tests.helpers.runs import RICH
from tests.helpers.tiny import draw_dataset, read_config

PERCEPTRON = "model.layers=flatten, linear 13, relu, dropout 0.2, tanh, linear 3"
LARGE = "model.layers=conv 8 kernel=3, relu, flatten, linear 1024, relu, linear 3"
FOUR = "train.shards=4"
UNDISTORTED = ("augment.shift=0", "augment.rotate=0", "augment.elastic_alpha=0")
CASES: dict[str, tuple[str, ...]] = {  # with a last batch that is short, or has empty shards
    "normalised": (FOUR, "train.batch_size=18"),
    "not-clipped": (FOUR, "train.batch_size=13", "train.grad_clip=0"),
    "more-shards": ("train.shards=7", "train.batch_size=18"),
    "units": (FOUR, "train.split=units", PERCEPTRON),
    "units-not-clipped": (FOUR, "train.split=units", PERCEPTRON, "train.grad_clip=0"),
    "perceptron": (FOUR, PERCEPTRON, "optimizer.name=adam", "train.early_stopping=1"),
    "units-as-they-are": (FOUR, "train.split=units", PERCEPTRON, *UNDISTORTED),
    "large": (FOUR, LARGE, "train.grad_clip=0", "data.validation=70"),  # in two blocks
    "layerwise": (FOUR, "optimizer.name=lars", "train.grad_clip=0"),
    "accumulated": (FOUR, "train.batch_size=9", "train.accumulate=2", "optimizer.name=lamb"),
    "stored": (FOUR, "train.batch_size=18"),
    "stored-units": (FOUR, "train.split=units", PERCEPTRON),
    "fast": (FOUR, "train.reduction=fast", "train.batch_size=18"),
    "fast-units": (FOUR, "train.reduction=fast", "train.split=units", PERCEPTRON),
}


def config_of(case: str) -> Config:
    """Return the config of a case."""
    return read_config(RICH, "train.epochs=2", *CASES[case])


def on_disk(dataset: Dataset, place: Path) -> Dataset:
    """Return a data set whose pictures stay in a file."""
    inputs = dataset.train.inputs
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(inputs.tobytes())
    stored: Any = StoredArray(place, 0, inputs.shape, inputs.dtype)
    return replace(dataset, train=Samples(stored, dataset.train.targets))


def train_all(folder: Path, ranks: Ranks, workers: int = 1) -> None:
    """Train every case in a folder of its own; rank 0 serves the last rank, if there are others."""
    ranks.served = range(max(1, ranks.count - 1), ranks.count)
    for case in CASES:
        run_dir = folder / case
        if ranks.leads:
            run_dir.mkdir(parents=True)
        dataset, config = draw_dataset(), config_of(case)
        if case.startswith("stored"):
            dataset = on_disk(dataset, folder / f"{case}-{ranks.number}")
        if ranks.number in ranks.served:
            dataset = DatasetFacts.of(dataset).dataset()
        model = prepare_model(config, dataset, ranks)
        kind = "processes" if workers > 1 else "threads"
        with blas_threads(config.train.blas_threads), Workers(workers, kind) as pool:
            Trainer(model, dataset, run_dir, pool, dataset.fingerprint(), ranks).run()


def main(folder: str, workers: str) -> None:
    """Train all cases with the other ranks, and look at what ranks refuse."""
    ranks = join()
    train_all(Path(folder), ranks, int(workers))
    with pytest.raises(ConfigError, match="more ranks than shards"):
        ranks.demand_shards(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
