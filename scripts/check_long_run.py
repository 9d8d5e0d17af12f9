"""Train for many epochs, and watch what a run takes and what it leaves behind.

    python scripts/check_long_run.py [--data-dir DIR] [--epochs N] [--preset NAME]

The memory of all processes together is read after every epoch: pages that they share count once.
After the first epoch it may grow by less than 5 MB, the history of the run included. When the run
has ended, no file descriptor, thread, child process, shared memory or temporary file may be left
that was not there before. The exit code is 1 if either does not hold. It needs Linux.
"""

import argparse
import gc
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpnet.bench.isolated import family, proportional_bytes
from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset
from bpnet.data.load import load_dataset
from bpnet.machine import blas_threads
from bpnet.model.run_files import BEST, METRICS, RUN_FILES
from bpnet.training import run as runs
from bpnet.training.observer import Observer
from bpnet.training.run_dir import claimed_run_dir

MOST_GROWTH = 5e6  # bytes after the first epoch
SHARED_FILES = Path("/dev/shm")  # of all processes: those of others count as well
SHARED = ("/dev/zero", "/dev/shm", "/memfd", "/SYSV")  # how memory that processes share is listed


class MemoryWatch(Observer):
    """Note after every epoch how much memory this process and its children take."""

    def __init__(self) -> None:
        self.bytes: list[int] = []

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Read the memory."""
        self.bytes.append(sum(map(proportional_bytes, family(os.getpid()))))

    @property
    def growth(self) -> int:
        """Return by how many bytes the last epoch's memory is above that of the first."""
        return self.bytes[-1] - self.bytes[0]


@dataclass(frozen=True)
class Usage:
    """Hold what one training took and left.

    Args:
        memory: bytes after each epoch.
        left: what was not there before, in words.
        metrics_bytes: size of `metrics.jsonl`, which grows by a line per epoch.
    """

    memory: MemoryWatch
    left: list[str]
    metrics_bytes: int


def possessions(folders: Sequence[Path]) -> Counter[str]:
    """Return what this process has, and which temporary files are in some folders."""
    gc.collect()
    own = Path("/proc/self")
    descriptors = [str(path.readlink()) for path in (own / "fd").iterdir() if path.exists()]
    maps = [line.split(maxsplit=5)[5:] for line in (own / "maps").read_text().splitlines()]
    return Counter(
        [f"descriptor of {target}" for target in descriptors]
        + [f"thread {thread.name}" for thread in threading.enumerate()]
        + [f"child process {child}" for child in family(os.getpid())[1:]]
        + ["shared memory" for name in maps if name and name[0].startswith(SHARED)]
        + [f"file {path}" for folder in folders if folder.is_dir() for path in folder.iterdir()]
    )


def train(config: Config, dataset: Dataset, run_dir: Path, watch: MemoryWatch) -> None:
    """Train as `bpnet train` does, and score the run."""
    model = runs.prepare_model(config, dataset)
    threads = blas_threads(config.train.blas_threads)
    with claimed_run_dir(run_dir, resumes=False), threads, runs.choose_workers(config) as workers:
        trainer = runs.build_trainer(model, dataset, run_dir, workers, None, None)
        runs.describe_run(run_dir, trainer)
        trainer.observer = watch
        trainer.run()
        runs.final_score(run_dir / BEST, dataset, workers)


def measure(config: Config, dataset: Dataset, folder: Path, watch: MemoryWatch) -> Usage:
    """Train for an epoch, which loads all code and starts the BLAS, then train and compare.

    Args:
        config: what is trained.
        dataset: what it learns from.
        folder: gets the run directories, and what is left of temporary files.
        watch: is told of every epoch.
    """
    tempfile.tempdir = str(folder)
    run_dir = folder / "run"
    try:
        train(config.with_epochs(1), dataset, folder / "first", MemoryWatch())
        run_dir.mkdir()
        before = possessions([folder, SHARED_FILES])
        train(config, dataset, run_dir, watch)
        left = possessions([folder, SHARED_FILES]) - before
        names = {path.name for path in run_dir.iterdir()} - set(RUN_FILES)
        left += Counter(f"file {run_dir / name}" for name in names)
    finally:
        tempfile.tempdir = None
    return Usage(watch, sorted(left.elements()), (run_dir / METRICS).stat().st_size)


def main() -> None:
    """Print what the run took and left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, help="directory of the data sets")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--preset", default="mlp")
    options = parser.parse_args()
    config = load_config(options.preset, (f"train.epochs={options.epochs}",))
    dataset = load_dataset(config, options.data_dir)
    with tempfile.TemporaryDirectory() as folder:
        usage = measure(config, dataset, Path(folder), MemoryWatch())
    print("| after epoch | MB of all processes |\n|---|---|")
    epochs = len(usage.memory.bytes)
    for epoch in sorted({1, 2, 5, *range(10, epochs, max(1, epochs // 50 * 10)), epochs}):
        if epoch <= epochs:
            print(f"| {epoch} | {usage.memory.bytes[epoch - 1] / 1e6:.2f} |")
    print(f"\ngrowth after the first epoch: {usage.memory.growth / 1e6:.2f} MB")
    print(f"metrics.jsonl: {usage.metrics_bytes / 1e3:.1f} kB")
    print("left behind: " + (", ".join(usage.left) or "nothing"))
    sys.exit(bool(usage.left) or usage.memory.growth >= MOST_GROWTH)


if __name__ == "__main__":
    main()
