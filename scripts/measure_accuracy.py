"""Train presets with several seeds and write the table of results.

    python scripts/measure_accuracy.py [--seeds 101-110] [--side-by-side] [--runs DIR]
        [--data-dir DIR] [--dataset NAME] [--set SECTION.KEY=VALUE]… PRESET …

Each run is a `bpnet train` of its own, on all training samples for the preset's fixed number of
epochs; its last weights (averaged ones, if they are kept) read the test set once. Nothing is chosen
on the test set. What this adds to `bpnet train --seeds` is what the README's figures need:

- Runs lie in `DIR/COMMIT/PRESET…/seedN`, so no row mixes two commits, and `bpnet eval` can let
  several runs answer together. Files changed since the last commit are refused unless `--dirty` is
  given, and so are a commit made meanwhile and runs of different processors or libraries.
- Finished runs are not trained again, so an interrupted measurement goes on.
- Wall time is that of the whole command, start and test included, and needs the machine for itself.
  `--side-by-side` measures accuracy alone: two runs at a time, each with one worker. Their bits are
  the same. Wall time is then that of the seeds that were, or will be, measured without this option.
- A row with fewer runs than `FEWEST` is printed without ±.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from provenance import ROOT, UnknownCommitError, commit

from bpnet.errors import ConfigError
from bpnet.fast.processor import this_processor
from bpnet.machine import blas_kernel, cpu_name
from bpnet.model.run_files import ENVIRONMENT, RESULT
from bpnet.runs.seeds import read_seeds, spread_of
from bpnet.sweep.executors import local

RUNS = Path("runs", "accuracy")
WALL = "wall.json"  # in a run's directory: the seconds that its command took alone
SAME = ("cpu", "blas", "processor", "numpy", "bpnet")  # of the environment of all runs of a row
FEWEST = {"best": 5, "fashion": 5}  # runs from which a ± is given; of all other presets TEN
TEN = 10
Result = dict[str, Any]


def bpnet(*words: object) -> Result:
    """Run a command of bpnet and return its JSON document."""
    command = [sys.executable, "-m", "bpnet", *map(str, words), "--json"]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    document: Result = json.loads(done.stdout)
    return document


def read(path: Path) -> Any:
    """Return what a JSON file holds; None where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def folder_of(preset: str, code: str, options: argparse.Namespace) -> Path:
    """Return where the runs of a preset with these settings lie."""
    name = "-".join([preset, *(one.replace("/", "_") for one in sorted(options.settings))])
    return Path(options.runs) / code / name


def measured(
    preset: str, folder: Path, code: str, options: argparse.Namespace, seed: int
) -> Result:
    """Train a seed unless it has been, and return its result.

    Raises:
        SystemExit: the code has changed meanwhile, or the seed gave another accuracy before.
    """
    run_dir = folder / f"seed{seed}"
    before = read(run_dir / RESULT)
    if before is None or not (options.side_by_side or (run_dir / WALL).exists()):
        shutil.rmtree(run_dir, ignore_errors=True)
        began = time.perf_counter()
        bpnet("train", "--config", preset, "--seed", seed, "--run-dir", run_dir, *words(options))
        seconds = time.perf_counter() - began
        if commit() != code:
            shutil.rmtree(run_dir)
            raise SystemExit("the code has changed since the measurement began")
        if not options.side_by_side:
            (run_dir / WALL).write_text(json.dumps(seconds), encoding="utf-8")
    result: Result = read(run_dir / RESULT)
    if before is not None and before["test_accuracy"] != result["test_accuracy"]:
        accuracies = f"{result['test_accuracy']} now, {before['test_accuracy']} before"
        raise SystemExit(f"{preset}, seed {seed}: {accuracies}")
    if options.dataset:
        data = ["--data-dir", options.data_dir] if options.data_dir else []
        score = bpnet("eval", run_dir, "--dataset", options.dataset, *data)
        result |= {"test_accuracy": score["accuracy"], "test_samples": score["samples"]}
    return result | {"wall": read(run_dir / WALL), "environment": read(run_dir / ENVIRONMENT)}


def words(options: argparse.Namespace) -> list[object]:
    """Return the options with which every run is trained."""
    found: list[object] = ["--data-dir", options.data_dir] if options.data_dir else []
    for setting in ("data.validation=0", *options.settings):
        found += ["--set", setting]
    return [*found, *(["--workers", 1] if options.side_by_side else [])]


def row(preset: str, results: Sequence[Result]) -> str:
    """Return a line of the table.

    Raises:
        ValueError: the runs were trained on different machines.
    """
    for key in SAME:
        values = {str(result["environment"].get(key)) for result in results}
        if len(values) > 1:
            raise ValueError(f"the runs of {preset} differ in {key}: {', '.join(sorted(values))}")
    spread = spread_of([100 * result["test_accuracy"] for result in results])
    assert spread is not None
    accuracy, error = f"{spread.mean:.2f}", "–"
    if spread.standard_deviation is not None and spread.runs >= FEWEST.get(preset, TEN):
        accuracy = f"{spread.mean:.2f} ± {spread.standard_deviation:.2f}"
        error = f"{spread.standard_error:.3f}"
    binomial = (spread.mean * (100 - spread.mean) / results[0]["test_samples"]) ** 0.5
    timed = [result for result in results if result["wall"] is not None]
    wall, speed = "–", "–"
    if timed:
        wall = f"{sum(result['wall'] for result in timed) / len(timed):.1f}"
        speed = f"{sum(result['samples_per_second'] for result in timed) / len(timed):,.0f}"
        wall += f" ({len(timed)})" if len(timed) < spread.runs else ""
    return (
        f"| `{preset}` | {results[0]['epochs']} | {accuracy} | {error} | {spread.runs} "
        f"| {spread.lowest:.2f} – {spread.highest:.2f} | {binomial:.2f} | {wall} | {speed} |"
    )


def seed_list(text: str) -> list[int]:
    """Return the seeds that a text such as `101-110` or `1,3,7-9` names.

    Raises:
        argparse.ArgumentTypeError: it names none, or one twice.
    """
    try:
        return read_seeds(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 101-110 or 1,3,7-9") from error


def main() -> None:
    """Print the table."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="+", metavar="PRESET")
    parser.add_argument("--seeds", type=seed_list, default="1-10", metavar="A-B")
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR")
    parser.add_argument("--side-by-side", action="store_true", help="accuracy alone, two at a time")
    parser.add_argument("--dirty", action="store_true", help="measure uncommitted changes")
    parser.add_argument("--data-dir", help="directory of the data sets")
    parser.add_argument("--dataset", help="score on this data set instead of the preset's own")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="SETTING")
    options = parser.parse_args()
    try:
        code = commit()
    except UnknownCommitError as error:
        parser.error(str(error))
    if code.endswith("-dirty"):
        if not options.dirty:
            parser.error("files have changed since the last commit: commit them, or give --dirty")
        shutil.rmtree(options.runs / code, ignore_errors=True)  # of files that were other ones
    sizes = f"BLAS kernels {blas_kernel()}, sizes for {this_processor()}"
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    print(f"{today}, commit {code}, {cpu_name()}, {sizes}, NumPy {np.__version__}\n")
    print("| preset | epochs | test accuracy, % (mean ± s.d.) | s.e. of the mean | runs | range "
          "| binomial s.e. | wall time, s | samples/s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for preset in options.presets:
        one = partial(measured, preset, folder_of(preset, code, options), code, options)
        with local(2 if options.side_by_side else 1) as executor:
            results = list(executor.map(one, options.seeds))
        print(row(preset, results), flush=True)


if __name__ == "__main__":
    main()
