"""Train presets with several seeds and write the table of results.

    python scripts/measure_accuracy.py [--seeds N] [--first-seed S] [--data-dir DIR]
        [--dataset NAME] [--set SECTION.KEY=VALUE]… PRESET …

Each run trains on all training samples for the preset's fixed number of epochs; its last weights
(averaged ones, if they are kept) read the test set once. Nothing is chosen on the test set.
Wall time is that of the whole `bpnet train` command, start and test included.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def bpnet(*words: str) -> dict[str, Any]:
    """Run a command of bpnet and return its JSON document."""
    command = [sys.executable, "-m", "bpnet", *words, "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def measure(preset: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train once; return the run's result and its score, on another data set if one is named."""
    where = ["--data-dir", options.data_dir] if options.data_dir else []
    settings = ["data.validation=0", *options.settings]
    with tempfile.TemporaryDirectory() as folder:
        run_dir = str(Path(folder) / "run")
        words = ["train", "--config", preset, "--seed", str(seed), "--run-dir", run_dir, *where]
        for setting in settings:
            words += ["--set", setting]
        began = time.perf_counter()
        result = bpnet(*words)
        result["wall"] = time.perf_counter() - began
        others = ["--dataset", options.dataset] if options.dataset else []
        return result | bpnet("eval", run_dir, *others, *where)


def row(preset: str, results: list[dict[str, Any]]) -> str:
    """Return a line of the table."""
    scores = [100 * result["accuracy"] for result in results]
    mean = statistics.mean(scores)
    spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
    error = (mean * (100 - mean) / results[0]["samples"]) ** 0.5
    wall = statistics.mean(result["wall"] for result in results)
    speed = statistics.mean(result["samples_per_second"] for result in results)
    return (
        f"| `{preset}` | {results[0]['epochs']} | {mean:.2f} ± {spread:.2f} | {len(scores)} "
        f"| {min(scores):.2f} – {max(scores):.2f} | {error:.2f} | {wall:.1f} | {speed:,.0f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="+", metavar="PRESET")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="how many")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--data-dir", help="directory of the data sets")
    parser.add_argument("--dataset", help="score on this data set instead of the preset's own")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="SETTING")
    options = parser.parse_args()
    print("| preset | epochs | test accuracy, % (mean ± s.d.) | runs | range | binomial s.e. "
          "| wall time, s | samples/s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for preset in options.presets:
        results = [
            measure(preset, seed, options)
            for seed in range(options.first_seed, options.first_seed + options.seeds)
        ]
        print(row(preset, results), flush=True)


if __name__ == "__main__":
    main()
