"""Measure training speed of the presets beside this machine's own matrix-multiply peak.

    python scripts/measure_speed.py [--batch-size N] [--seconds S] [--memory] [PRESET …]

Every net and the peak are timed in turn over several rounds, because a shared machine changes its
speed from minute to minute; the figure of a round is the 10th percentile of its step times, and
the best round counts. Pictures are random and as many as MNIST has: speed does not depend on them.
"""

import argparse
import dataclasses
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bpnet.config import AugmentConfig
from bpnet.data.dataset import Dataset, Samples
from bpnet.load_config import load_config
from bpnet.training.loop import Trainer
from bpnet.training.parallel import Workers, blas_threads
from bpnet.training.run import prepare_model, worker_count

NETS = ("mlp", "mlp800", "lenet5", "fast", "convnet")
ROUNDS = 5
PEAK_SIZE = 1024
WARM_UP = 5  # steps that do not count


def random_pictures() -> Dataset:
    """Return as many pictures as MNIST has for training."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60000, 28, 28), dtype=np.uint8)
    samples = Samples(images, rng.integers(0, 10, 60000))
    few = Samples(images[:100], samples.targets[:100])
    return Dataset("mnist", samples, few, tuple("0123456789"))


def time_steps(name: str, dataset: Dataset, batch_size: int, seconds: float) -> float:
    """Return the 10th percentile of the seconds that a step takes."""
    config = load_config(name, (f"train.batch_size={batch_size}", "data.validation=0"))
    config = dataclasses.replace(config, augment=AugmentConfig())
    model = prepare_model(config, dataset)
    with (
        blas_threads(config.train.blas_threads),
        Workers(worker_count(config, None)) as workers,
        tempfile.TemporaryDirectory() as folder,
    ):
        trainer = Trainer(model, dataset, Path(folder), workers, "")
        order = np.random.default_rng(1).permutation(len(dataset.train))
        times: list[float] = []
        end = time.perf_counter() + seconds
        position = 0
        with trainer.team:
            while time.perf_counter() < end or len(times) < WARM_UP + 10:
                index = order[position : position + batch_size]
                position = (position + batch_size) % (len(order) - batch_size)
                start = time.perf_counter()
                trainer.step(index)
                times.append(time.perf_counter() - start)
    return float(np.percentile(times[WARM_UP:], 10))


def peak_gflops(threads: int) -> float:
    """Return the best speed of a large float32 matrix product, in 10⁹ operations a second."""
    a = np.random.default_rng(0).random((PEAK_SIZE, PEAK_SIZE), dtype=np.float32)
    b, out = a.T.copy(), np.empty_like(a)
    times = []
    with blas_threads(threads):
        for _ in range(30):
            start = time.perf_counter()
            np.matmul(a, b, out=out)
            times.append(time.perf_counter() - start)
    return 2 * PEAK_SIZE**3 / float(np.percentile(times, 10)) / 1e9


def training_megabytes(name: str, data_dir: str | None) -> float:
    """Return the peak memory of one epoch of `bpnet train`, evaluation included.

    All its processes count, pages that they share once: the sum of their proportional set sizes,
    looked at every 20 ms (Linux).
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bpnet", "train", "--config", name, "--epochs", "1"]
        command += ["--run-dir", folder, *(["--data-dir", data_dir] if data_dir else [])]
        peak = 0
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None:
                peak = max(peak, sum(map(proportional_kilobytes, family(process.pid))))
                time.sleep(0.02)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed")
    return peak * 1024 / 1e6


def family(process: int) -> list[int]:
    """Return a process and its children."""
    path = Path(f"/proc/{process}/task/{process}/children")
    try:
        return [process, *map(int, path.read_text().split())]
    except OSError:
        return [process]


def proportional_kilobytes(process: int) -> int:
    """Return the memory of a process, each shared page divided by the number of its users."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def main() -> None:
    """Print one line per net."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nets", nargs="*", default=NETS, metavar="PRESET")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0, help="per net and round")
    parser.add_argument("--memory", action="store_true", help="also train an epoch of each net")
    parser.add_argument("--data-dir", help="where the data sets lie, for --memory")
    options = parser.parse_args()
    dataset = random_pictures()
    best = dict.fromkeys(options.nets, float("inf"))
    peaks = []
    for _ in range(ROUNDS):
        peaks.append(peak_gflops(2))
        for name in options.nets:
            step = time_steps(name, dataset, options.batch_size, options.seconds)
            best[name] = min(best[name], step)
    print(f"peak {max(peaks):.0f} GFLOP/s on two threads (rounds: {min(peaks):.0f} and up)")
    print(f"batch {options.batch_size}")
    for name, step in best.items():
        text = f"{name:10} {options.batch_size / step / 1000:8.2f} thousand samples/s"
        if options.memory:
            text += f" {training_megabytes(name, options.data_dir):6.0f} MB"
        print(text)


if __name__ == "__main__":
    main()
