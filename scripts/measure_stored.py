"""Train on more pictures than fit in memory: measure the memory of all processes, and the speed.

    python scripts/measure_stored.py FOLDER [--pictures 8000000] [--preset lenet5] [--seconds 20]

FOLDER gets a data set of drawn digits, repeated, unless it holds one. Batches of these pictures on
disk and of some in memory take turns, so that both speeds suffer alike from what else runs.
"""

from __future__ import annotations

import argparse
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bpnet.bench.isolated import run_isolated
from bpnet.bench.speed import open_trainer
from bpnet.bench.work import bare, batches
from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.files.names import STEMS
from bpnet.data.idx_folder import load_idx_folder
from bpnet.data.synthetic import draw_digits
from bpnet.training.loop import Trainer

DRAWN = 20_000  # different pictures
RESIDENT = 60_000  # pictures in memory, as MNIST has
IN_TURN = 20  # steps


def main() -> None:
    """Make the pictures, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=8_000_000)
    parser.add_argument("--preset", action="append")
    parser.add_argument("--seconds", type=float, default=20.0)
    chosen = parser.parse_args()
    make_pictures(chosen.folder, chosen.pictures)
    for preset in chosen.preset or ["lenet5"]:
        config = load_config(preset, ("data.dataset=idx", f"data.path={chosen.folder.absolute()}"))
        seconds, memory = run_isolated(train_some, config)  # reads all: now the system has them
        ratio, _ = run_isolated(measure_speed, config, chosen.seconds)
        print(f"{preset}: {ratio:.3f} of the speed of pictures in memory; start and")
        print(f"  100 steps in {seconds:.0f} s, at most {memory / 1e6:.0f} MB in all processes")


def make_pictures(folder: Path, count: int) -> None:
    """Write the four files of a data set, unless they are there."""
    if (folder / STEMS[0]).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = draw_digits(DRAWN, 1)
    digits = labels.astype(np.uint8)
    for stem, array, size in zip(
        STEMS, (images, digits, images, digits), (count, count, 10_000, 10_000), strict=True
    ):
        with (folder / stem).open("wb") as file:
            shape = (size, *array.shape[1:])
            file.write(struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *shape))
            for start in range(0, size, DRAWN):
                file.write(array[: size - start].data)


def train_some(config: Config) -> float:
    """Load, look at all pictures as a run does, and take some steps; return the seconds."""
    began = time.perf_counter()
    dataset = load_idx_folder(Path(config.data.path))
    dataset.fingerprint()
    with open_trainer(config, dataset) as trainer:
        order = steps(trainer)
        with trainer.engine:
            for _ in range(100):
                trainer.step(next(order))
            trainer.validate()
    return time.perf_counter() - began


def measure_speed(config: Config, seconds: float) -> float:
    """Return the speed of steps on stored pictures, divided by that on pictures in memory."""
    stored = load_idx_folder(Path(config.data.path))
    some = Samples(stored.train.inputs[:RESIDENT], stored.train.targets[:RESIDENT])
    resident = Dataset("idx", some, stored.test, stored.class_names)
    with ExitStack() as stack:
        trainers = [
            stack.enter_context(open_trainer(bare(config), data)) for data in (stored, resident)
        ]
        orders = [steps(trainer) for trainer in trainers]
        times: list[list[float]] = [[], []]
        end = time.perf_counter() + seconds
        for trainer in trainers:
            stack.enter_context(trainer.engine)
        while time.perf_counter() < end:
            for trainer, order, taken in zip(trainers, orders, times, strict=True):
                began = time.perf_counter()
                for _ in range(IN_TURN):
                    trainer.step(next(order))
                taken.append(time.perf_counter() - began)
    return float(np.median(np.divide(times[1], times[0])))


def steps(trainer: Trainer) -> Iterator[NDArray[np.int64]]:
    """Yield batch after batch in random order."""
    size = trainer.config.train.samples_per_step
    return batches(len(trainer.samples), min(size, len(trainer.samples)))


if __name__ == "__main__":
    main()
