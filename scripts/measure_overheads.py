"""Measure what surrounds a training step: start-up, the command itself, distortion, one core.

    python scripts/measure_overheads.py [--data-dir DIR] [--rounds N] [PRESET …]

Runs `bpnet bench` and `bpnet train` as a user does, in turn over several rounds. Speeds are means;
that of a run is the one `train` reports. The medians over the rounds are printed, of the speeds
and, separately, of the ratios within a round, as a machine's speed changes from minute to minute.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bpnet.config.data_settings import AugmentConfig

PRESETS = ("mlp", "mlp800", "lenet5", "fast", "convnet")
SHORT = ("convnet",)  # one epoch is long enough
STILL = (
    "train.ema=0",
    *(f"augment.{name}={value}" for name, value in vars(AugmentConfig()).items() if value == 0),
)
MOVED = (*STILL, "augment.shift=2", "augment.rotate=10", "augment.scale=0.1")


def command(*words: str) -> list[str]:
    """Return a command line of bpnet."""
    return [sys.executable, "-m", "bpnet", *words]


def answer(*words: str, one_core: bool = False) -> dict[str, Any]:
    """Return the JSON that a command prints."""
    run = subprocess.run(
        command(*words, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        preexec_fn=use_one_core if one_core else None,
    )
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def use_one_core() -> None:
    """Restrict this process to one processor (Linux)."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def bench_speed(preset: str, *, one_core: bool = False) -> float:
    """Return the samples per second of the mean step that `bpnet bench` reports."""
    result = answer("bench", "--config", preset, one_core=one_core)["results"][0]
    return float(result["mean_samples_per_second"])


def train_speed(preset: str, data: list[str], settings: tuple[str, ...]) -> float:
    """Return the samples per second that `bpnet train` reports."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", "--config", preset, "--epochs", "1" if preset in SHORT else "4", *data]
        for setting in settings:
            words += ["--set", setting]
        result = answer(*words, "--run-dir", f"{folder}/run")
        return float(result["samples_per_second"])


def start_up(preset: str, data: list[str]) -> float:
    """Return the seconds until the first step: the run is saved right before it."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder, "run")
        began = time.perf_counter()
        with subprocess.Popen(
            command("train", "--config", preset, *data, "--run-dir", str(run_dir)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            while not (run_dir / "last.npz").exists() and process.poll() is None:
                time.sleep(0.002)
            seconds = time.perf_counter() - began
            process.terminate()
    return seconds


def main() -> None:
    """Print one row per preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="*", default=PRESETS, metavar="PRESET")
    parser.add_argument("--data-dir", help="directory of the data sets")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    data = ["--data-dir", options.data_dir] if options.data_dir else []
    heads = ("preset", "bench", "train", "distorted", "one core", "first step, s")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for preset in options.presets:
        rounds = [
            (
                bench_speed(preset),
                train_speed(preset, data, STILL),
                train_speed(preset, data, MOVED),
                bench_speed(preset, one_core=True),
            )
            for _ in range(options.rounds)
        ]
        bench, train, moved, single = map(statistics.median, zip(*rounds, strict=True))
        kept = statistics.median(one[1] / one[0] for one in rounds)
        still = statistics.median(one[2] / one[1] for one in rounds)
        alone = statistics.median(one[3] / one[0] for one in rounds)
        first = min(start_up(preset, data) for _ in range(options.rounds))
        print(
            f"| `{preset}` | {bench:,.0f} | {train:,.0f} ({kept:.0%}) "
            f"| {moved:,.0f} ({still:.0%}) | {single:,.0f} ({alone:.0%}) "
            f"| {first:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
