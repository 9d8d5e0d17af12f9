"""Time the whole command that trains and scores a network, beside the same recipe in PyTorch.

    python scripts/compare_whole_run.py [--preset fast] [--kernel NAME]… [--rounds N]
        [--first-seed S] [--data-dir DIR]

`bpnet train` and its twin, `scripts/peers/pytorch_run.py`, run in turn with the same seeds, each as
a process of its own: start, loading, training and test are included. The twin has the same network,
batch size, one-cycle schedule, label smoothing, momentum, decay and starting distribution, and is
written for speed. Rounds in which others used the processors do not count, and are taken again, as
often as there are rounds. `--kernel Haswell` makes a processor with AVX-512 compute as one that has
AVX2 alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from peers.kernels import description, environment
from provenance import ROOT, commit

from bpnet.bench.load import LoadMeter
from bpnet.config.data_settings import AugmentConfig
from bpnet.config.loading import load_config
from bpnet.config.network import build_layers
from bpnet.config.settings import Config
from bpnet.data.files.catalogue import MNIST
from bpnet.data.files.directory import DataDirectory, data_directory
from bpnet.data.mnist import dataset_folder
from bpnet.machine import cpu_name

TWIN = Path(__file__).parent / "peers" / "pytorch_run.py"
KNOWN: dict[str, set[str]] = {  # layers of the twin, with their options
    "linear": {"out"},
    "conv": {"out", "kernel", "padding"},
    "maxpool": {"size"},
    "relu": set(),
    "flatten": set(),
}


@dataclass(frozen=True)
class Run:
    """Hold one whole command.

    Args:
        seconds: from its start to its end.
        accuracy: on the test set, 0–1.
        disturbed: whether others used the processors; None if the system does not tell.
    """

    seconds: float
    accuracy: float
    disturbed: bool | None


def recipe_of(config: Config) -> str:
    """Return what the twin must know of a preset, as JSON.

    Raises:
        SystemExit: the twin cannot do all that the preset does.
    """
    layers = config.model.layers
    other = (
        any(spec.kind not in KNOWN or set(spec.options) - KNOWN[spec.kind] for spec in layers)
        or config.data.dataset != "mnist"
        or config.model.dtype != "float32"
        or config.augment != AugmentConfig()
        or config.data.validation
        or config.data.normalize != "standard"
        or config.model.init != "he"
        or config.train.ema
        or config.train.grad_clip
        or config.train.loss != "cross_entropy"
        or config.optimizer.name != "sgd"
        or config.schedule.name != "one_cycle"
    )
    if other:
        raise SystemExit("the twin knows only plain networks on all of MNIST, with one_cycle")
    built = build_layers(config, (1, 28, 28), 10, [])
    train, optimizer, schedule = config.train, config.optimizer, config.schedule
    return json.dumps(
        {
            "layers": [
                [spec.kind, layer.input_shape[0], dict(spec.options)]
                for spec, layer in zip(layers, built, strict=True)
            ],
            "epochs": train.epochs,
            "batch_size": train.batch_size,
            "label_smoothing": train.label_smoothing,
            "learning_rate": optimizer.learning_rate,
            "momentum": optimizer.momentum,
            "nesterov": optimizer.nesterov,
            "weight_decay": optimizer.weight_decay,
            "start": schedule.start,
            "rise": schedule.rise,
            "final": schedule.final,
        }
    )


def run(command: list[str], kernel: str | None) -> Run:
    """Run a command that prints JSON with its `test_accuracy`.

    Raises:
        SystemExit: it failed.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    meter = LoadMeter()
    began = time.perf_counter()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | environment(kernel) | {"PYTHONPATH": path},
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\nfailed: {done.stderr.strip()}")
    return Run(seconds, json.loads(done.stdout)["test_accuracy"], meter.read().disturbed)


def commands(
    preset: str, recipe: str, directory: DataDirectory, seed: int, run_dir: str
) -> list[list[str]]:
    """Return the command of bpnet and that of its twin."""
    files = dataset_folder(MNIST, directory)
    words = ["train", "--config", preset, "--seed", str(seed), "--data-dir", str(directory.path)]
    return [
        [sys.executable, "-m", "bpnet", *words, "--run-dir", run_dir, "--json"],
        [sys.executable, str(TWIN), str(files), recipe, str(seed)],
    ]


def compare(options: argparse.Namespace, kernel: str | None) -> list[list[Run]]:
    """Run both in turn until there are enough calm rounds, in twice as many at most."""
    recipe = recipe_of(load_config(options.preset))
    directory = data_directory(options.data_dir)
    rounds: list[list[Run]] = []
    while len(calm(rounds)) < options.rounds and len(rounds) < 2 * options.rounds:
        seed = options.first_seed + len(rounds)
        with tempfile.TemporaryDirectory() as place:
            pair = commands(options.preset, recipe, directory, seed, f"{place}/run")
            rounds.append([run(command, kernel) for command in pair])
    return rounds


def calm(rounds: list[list[Run]]) -> list[list[Run]]:
    """Return the rounds in which nothing disturbed either of the two."""
    return [pair for pair in rounds if not any(one.disturbed for one in pair)]


def report(rounds: list[list[Run]]) -> list[str]:
    """Return the table of what was measured."""
    counted = calm(rounds) or rounds
    lines = ["| | seconds, median | range | test accuracy, %, mean |", "|---|---|---|---|"]
    medians = []
    for name, runs in zip(("bpnet", "PyTorch"), zip(*counted, strict=True), strict=True):
        seconds = [one.seconds for one in runs]
        accuracy = 100 * statistics.mean(one.accuracy for one in runs)
        medians.append(statistics.median(seconds))
        spread = f"{min(seconds):.2f} – {max(seconds):.2f}"
        lines.append(f"| {name} | {medians[-1]:.2f} | {spread} | {accuracy:.2f} |")
    mark = "" if calm(rounds) else ", all disturbed"
    lines.append("")
    lines.append(
        f"Ratio of the medians: {medians[0] / medians[1]:.2f} "
        f"({len(calm(rounds))} calm rounds of {len(rounds)}{mark})"
    )
    return lines


def main() -> None:
    """Print a table per kind of processor."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--kernel", action="append", metavar="NAME", help="such as Haswell")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--first-seed", type=int, default=1, metavar="S")
    parser.add_argument("--data-dir", type=Path, help="directory of the data sets")
    options = parser.parse_args()
    for kernel in options.kernel or [None]:
        print(f"\n{cpu_name()}, commit {commit()}: {description(kernel)}.\n", flush=True)
        print(*report(compare(options, kernel)), sep="\n", flush=True)


if __name__ == "__main__":
    main()
