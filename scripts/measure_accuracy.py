"""Train presets with several seeds and write the table of results.

    python scripts/measure_accuracy.py [--seeds 101-110] [--side-by-side] [--results FILE]
        [--keep DIR] [--data-dir DIR] [--dataset NAME] [--set SECTION.KEY=VALUE]… PRESET …

Each run trains on all training samples for the preset's fixed number of epochs; its last weights
(averaged ones, if they are kept) read the test set once. Nothing is chosen on the test set.

Every result goes to a file at once, a line of JSON each, with commit, date, processor and BLAS. A
seed that was measured there at the same commit is not run again, so an interrupted measurement
goes on, and rows never mix two commits: files changed since the last commit are refused unless
`--dirty` is given, and so is a commit made meanwhile. A row with fewer runs than `FEWEST` is
printed without ±.

Wall time is that of the whole `bpnet train` command, start and test included, and needs the
machine for itself. `--side-by-side` measures accuracy alone: two runs at a time, each with one
worker. Their results are the same, since bits do not depend on workers. Wall time is then that of
the seeds that were, or will be, measured without this option.

`--keep` keeps each run's weights as `DIR/PRESET-SEED.npz`, so that `bpnet eval` can let several
answer together; a run whose weights are not there is made again.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from provenance import ROOT, UnknownCommitError, commit

from bpnet.errors import ConfigError
from bpnet.fast.processor import this_processor
from bpnet.machine import blas_kernel, cpu_name
from bpnet.runs.seeds import read_seeds

RESULTS = Path("runs", "accuracy.jsonl")
FEWEST = {"best": 5, "fashion": 5}  # runs from which a ± is given; of all other presets TEN
TEN = 10
Result = dict[str, Any]


@dataclass(frozen=True)
class Conditions:
    """Hold all on which a result depends, preset and seed aside.

    Args:
        commit: of the code, `-dirty` if it has changed since.
        settings: changes to the preset.
        dataset: what is scored, if it is not the preset's own.
        cpu: the processor's name.
        blas: the kernels that multiply matrices.
        sizes: the processor that sizes are chosen for.
        numpy: its version.
    """

    commit: str
    settings: tuple[str, ...]
    dataset: str | None
    cpu: str
    blas: str
    sizes: str
    numpy: str

    def record(self) -> Result:
        """Return them as they stand in a file."""
        return vars(self) | {"settings": list(self.settings)}


class Results:
    """Keep results in a file, and find those of some conditions.

    Args:
        path: the file; new results are appended to it.
        conditions: of the results that are looked for, and of new ones.
    """

    def __init__(self, path: Path, conditions: Conditions) -> None:
        self.path = path
        self.conditions = conditions
        self._lock = threading.Lock()

    def of(self, preset: str, seed: int) -> list[Result]:
        """Return the results of a seed; of changed files nothing is known."""
        if self.conditions.commit.endswith("-dirty") or not self.path.exists():
            return []
        wanted = self.conditions.record() | {"preset": preset, "seed": seed}
        records = map(json.loads, self.path.read_text(encoding="utf-8").splitlines())
        return [one for one in records if all(one.get(key) == wanted[key] for key in wanted)]

    def add(self, result: Result) -> None:
        """Append a result.

        Raises:
            SystemExit: the same seed gave another accuracy before.
        """
        before = self.of(result["preset"], result["seed"])
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
        for other in before:
            if other["accuracy"] != result["accuracy"]:
                what = f"{result['preset']}, seed {result['seed']}"
                raise SystemExit(f"{what}: {result['accuracy']} now, {other['accuracy']} before")


def bpnet(*words: str) -> Result:
    """Run a command of bpnet and return its JSON document."""
    command = [sys.executable, "-m", "bpnet", *words, "--json"]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    document: Result = json.loads(done.stdout)
    return document


def measure(preset: str, seed: int, conditions: Conditions, options: argparse.Namespace) -> Result:
    """Train once; return the run's result and its score.

    Raises:
        SystemExit: the code has changed meanwhile.
    """
    where = ["--data-dir", options.data_dir] if options.data_dir else []
    with tempfile.TemporaryDirectory() as folder:
        run_dir = str(Path(folder) / "run")
        words = ["train", "--config", preset, "--seed", str(seed), "--run-dir", run_dir, *where]
        for setting in ("data.validation=0", *conditions.settings):
            words += ["--set", setting]
        words += ["--workers", "1"] if options.side_by_side else []
        began = time.perf_counter()
        trained = bpnet(*words)
        wall = time.perf_counter() - began
        others = ["--dataset", conditions.dataset] if conditions.dataset else []
        score = bpnet("eval", run_dir, *others, *where)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(run_dir, "best.npz"), kept_weights(options.keep, preset, seed))
    if commit() != conditions.commit:
        raise SystemExit("the code has changed since the measurement began")
    alone = not options.side_by_side
    return {
        "preset": preset,
        "seed": seed,
        **conditions.record(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "epochs": trained["epochs"],
        "samples": score["samples"],
        "accuracy": score["accuracy"],
        "wall": wall if alone else None,
        "samples_per_second": trained["samples_per_second"] if alone else None,
    }


def kept_weights(folder: Path, preset: str, seed: int) -> Path:
    """Return where `--keep` keeps the weights of a run."""
    return folder / f"{preset}-{seed}.npz"


def complete(
    preset: str, seeds: Sequence[int], results: Results, options: argparse.Namespace
) -> list[Result]:
    """Measure the seeds that lack a result; return one result of each, timed ones if there are."""

    def result_of(seed: int) -> Result:
        found = results.of(preset, seed)
        timed = [one for one in found if one["wall"] is not None]
        enough = found if options.side_by_side else timed
        if options.keep and not kept_weights(options.keep, preset, seed).exists():
            enough = []
        if not enough:
            enough = [measure(preset, seed, results.conditions, options)]
            results.add(enough[0])
        return (timed or enough)[0]

    with ThreadPoolExecutor(2 if options.side_by_side else 1) as pool:
        return list(pool.map(result_of, seeds))


def row(preset: str, results: list[Result]) -> str:
    """Return a line of the table.

    Raises:
        ValueError: the results are of several commits.
    """
    commits = {result["commit"] for result in results}
    if len(commits) > 1:
        raise ValueError(f"results of {len(commits)} commits in the row of {preset}")
    scores = [100 * result["accuracy"] for result in results]
    mean, runs = statistics.mean(scores), len(scores)
    accuracy, error = f"{mean:.2f}", "–"
    if runs >= FEWEST.get(preset, TEN):
        spread = statistics.stdev(scores)
        accuracy, error = f"{mean:.2f} ± {spread:.2f}", f"{spread / runs**0.5:.3f}"
    binomial = (mean * (100 - mean) / results[0]["samples"]) ** 0.5
    timed = [result for result in results if result["wall"] is not None]
    wall, speed = "–", "–"
    if timed:
        wall = f"{statistics.mean(result['wall'] for result in timed):.1f}"
        speed = f"{statistics.mean(result['samples_per_second'] for result in timed):,.0f}"
        wall += f" ({len(timed)})" if len(timed) < runs else ""
    return (
        f"| `{preset}` | {results[0]['epochs']} | {accuracy} | {error} | {runs} "
        f"| {min(scores):.2f} – {max(scores):.2f} | {binomial:.2f} | {wall} | {speed} |"
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
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--side-by-side", action="store_true", help="accuracy alone, two at a time")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the weights there")
    parser.add_argument("--dirty", action="store_true", help="measure uncommitted changes")
    parser.add_argument("--data-dir", help="directory of the data sets")
    parser.add_argument("--dataset", help="score on this data set instead of the preset's own")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="SETTING")
    options = parser.parse_args()
    try:
        code = commit()
    except UnknownCommitError as error:
        parser.error(str(error))
    if code.endswith("-dirty") and not options.dirty:
        parser.error("files have changed since the last commit: commit them, or give --dirty")
    blas, sizes = blas_kernel(), str(this_processor())
    settings = tuple(options.settings)
    conditions = Conditions(
        code, settings, options.dataset, cpu_name(), blas, sizes, np.__version__
    )
    results = Results(options.results, conditions)
    print(f"{datetime.now(UTC):%Y-%m-%d}, commit {code}, {cpu_name()}, BLAS kernels {blas}, "
          f"sizes for {sizes}, NumPy {np.__version__}\n")  # fmt: skip
    print("| preset | epochs | test accuracy, % (mean ± s.d.) | s.e. of the mean | runs | range "
          "| binomial s.e. | wall time, s | samples/s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for preset in options.presets:
        print(row(preset, complete(preset, options.seeds, results, options)), flush=True)


if __name__ == "__main__":
    main()
