"""Try settings of a preset on held-out training samples, and rank them.

    python scripts/search_recipes.py fast --try "train.epochs=1 optimizer.learning_rate=0.1" \
        --try "train.epochs=2" [--seeds N] [--validation N] [--data-dir DIR]

Every candidate is the preset with some settings changed. It trains with several seeds, each of
which holds out different training samples, and its last weights (averaged ones, if they are kept)
are scored on those. The test set is not used.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

DIVERGED = 5  # exit code


@dataclass
class Trial:
    """Hold the result of one candidate.

    Args:
        settings: what is changed, as `section.key=value`.
        errors: fractions of the held-out samples that were misread, one per seed.
        seconds: the median of the whole commands.
    """

    settings: list[str]
    errors: list[float]
    seconds: float

    def __str__(self) -> str:
        spread = statistics.stdev(self.errors) if len(self.errors) > 1 else 0.0
        accuracy = 100 * (1 - statistics.mean(self.errors))
        return (
            f"{accuracy:.3f} ± {100 * spread:.3f}  {self.seconds:6.1f} s  {' '.join(self.settings)}"
        )


def train(preset: str, settings: list[str], seed: int, data: list[str]) -> tuple[float, float]:
    """Return the fraction of held-out samples that a run misreads, and the command's seconds.

    A run that diverges misreads all.
    """
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        words = ["train", "--config", preset, "--seed", str(seed), "--run-dir", str(run_dir), *data]
        for setting in settings:
            words += ["--set", setting]
        command = [sys.executable, "-m", "bpnet", *words, "--json"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode == DIVERGED:
            return 1.0, time.perf_counter() - began
        if done.returncode:
            sys.exit(done.stderr)
        last = json.loads((run_dir / "metrics.jsonl").read_text().splitlines()[-1])
        return 1 - float(last["validation_accuracy"]), time.perf_counter() - began


def main() -> None:
    """Print every candidate when it is done, and all in order at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", metavar="PRESET")
    parser.add_argument("--try", dest="candidates", action="append", default=[], metavar="SETTINGS")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--validation", type=int, default=10000)
    parser.add_argument("--data-dir", help="directory of the data sets")
    options = parser.parse_args()
    data = ["--data-dir", options.data_dir] if options.data_dir else []
    trials = []
    for candidate in options.candidates or [""]:
        settings = candidate.split()
        held_out = [*settings, f"data.validation={options.validation}"]
        runs = [train(options.preset, held_out, seed, data) for seed in range(1, options.seeds + 1)]
        errors, seconds = zip(*runs, strict=True)
        trials.append(Trial(settings, list(errors), statistics.median(seconds)))
        print(trials[-1], flush=True)
    print("\nbest first:")
    for trial in sorted(trials, key=lambda trial: statistics.mean(trial.errors)):
        print(trial)


if __name__ == "__main__":
    main()
