"""Train on more pictures than fit in memory: measure the memory of all processes, and the speed.

    python scripts/measure_stored.py FOLDER [--pictures 8000000] [--preset mlp]… [--rounds 5]

FOLDER gets a data set of drawn digits, repeated, unless it holds one. Batches of these pictures on
disk and of some in memory take turns of two seconds, so that both speeds suffer alike from what
else runs. A turn is that long since pictures are read ahead for many batches.
"""

from __future__ import annotations

import argparse
import struct
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from bpnet.background import Background
from bpnet.bench.isolated import run_isolated
from bpnet.bench.load import Load, LoadMeter
from bpnet.bench.speed import open_trainer
from bpnet.bench.work import bare
from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.files.names import STEMS
from bpnet.data.idx_folder import load_idx_folder
from bpnet.data.synthetic import draw_digits
from bpnet.training.loop import Trainer

DRAWN = 20_000  # different pictures
RESIDENT = 60_000  # pictures in memory, as MNIST has
IN_TURN = 2.0  # seconds
PRESETS = ("mlp", "lenet5", "convnet")


def main() -> None:
    """Make the pictures, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=8_000_000)
    parser.add_argument("--preset", action="append")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    make_pictures(chosen.folder, chosen.pictures)
    print("| preset | MB at most | start and 100 steps, s | speed | of its rounds | others |")
    print("|---|---|---|---|---|---|")
    for preset in chosen.preset or PRESETS:
        config = load_config(preset, ("data.dataset=idx", f"data.path={chosen.folder.absolute()}"))
        seconds, memory = run_isolated(train_some, config)  # reads all: now the system has them
        (ratios, load), _ = run_isolated(measure_speed, config, chosen.rounds)
        numbers = f"{memory / 1e6:.0f} | {seconds:.0f} | {np.median(ratios):.3f}"
        spread = f"{min(ratios):.3f} – {max(ratios):.3f}"
        print(f"| `{preset}` | {numbers} | {spread} | {describe(load)} |", flush=True)


def describe(load: Load) -> str:
    """Return what others, and the machine beneath, took of the processors."""
    if load.others is None or load.stolen is None:
        return "unknown"
    return f"{100 * (load.others + load.stolen):.0f} %"


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
    fingerprint = Background(dataset.fingerprint)
    with open_trainer(config, dataset) as trainer:
        fingerprint.result()
        with trainer.engine:
            take_steps(trainer, 100, np.random.default_rng(1))
            trainer.validate()
    return time.perf_counter() - began


def measure_speed(config: Config, rounds: int) -> tuple[list[float], Load]:
    """Return the speed on stored pictures as a part of that in memory, and what others took."""
    stored = load_idx_folder(Path(config.data.path))
    some = Samples(stored.train.inputs[:RESIDENT], stored.train.targets[:RESIDENT])
    resident = Dataset("idx", some, stored.test, stored.class_names)
    rng = np.random.default_rng(1)
    with ExitStack() as stack:
        trainers = [
            stack.enter_context(open_trainer(bare(config), data)) for data in (stored, resident)
        ]
        for trainer in trainers:
            stack.enter_context(trainer.engine)
            take_steps(trainer, 10, rng)
        count = max(2, round(IN_TURN * 10 / take_steps(trainers[1], 10, rng)))
        meter = LoadMeter()
        ratios = []
        for _ in range(rounds):
            first, second = (take_steps(trainer, count, rng) for trainer in trainers)
            ratios.append(second / first)
        return ratios, meter.read()


def take_steps(trainer: Trainer, count: int, rng: np.random.Generator) -> float:
    """Take some steps on batches in random order, as a run does; return the seconds."""
    size = trainer.config.train.samples_per_step
    order = rng.integers(0, len(trainer.samples), count * size)
    began = time.perf_counter()
    for start in range(0, len(order), size):
        trainer.step(order[start : start + size], order[start + size :])
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
