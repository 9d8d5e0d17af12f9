"""Compare the probabilities of networks with and without a temperature, on held-out samples.

    python scripts/measure_calibration.py [--data-dir DIR] [--set SECTION.KEY=VALUE]… PRESET …

Each network is trained with `HELD_OUT` samples held out. To one half of them the temperature is
fitted, and beside it another one to as many training samples, as if nothing had been held out. The
other half is scored with both and with none. The test set plays no part.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bpnet.config.loading import load_config
from bpnet.data.load import load_dataset
from bpnet.machine import blas_threads
from bpnet.model.calibration import fit_temperature
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.run_files import LAST
from bpnet.model.score import evaluate
from bpnet.training import run as runs

HELD_OUT = 10_000
HEAD = ["preset", "wrong, held out / training", "T of", "T", "calibration error", "loss"]


def main() -> None:
    """Print the rows of a Markdown table, three for each preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="+", metavar="PRESET")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    options = parser.parse_args()
    print("|", " | ".join(HEAD), "|")
    print("|---" * len(HEAD) + "|")
    for preset in options.presets:
        for row in measure(preset, options.settings, options.data_dir):
            print("|", " | ".join(row), "|", flush=True)


def measure(preset: str, settings: list[str], data_dir: Path | None) -> list[list[str]]:
    """Train a network; return a row for each of its temperatures."""
    config = load_config(preset, (*settings, f"data.validation={HELD_OUT}"))
    dataset = load_dataset(config, data_dir)
    model = runs.prepare_model(config, dataset)
    rng = np.random.default_rng(0)
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        blas_threads(config.train.blas_threads),
        runs.choose_workers(config) as workers,
    ):
        trainer = runs.build_trainer(model, dataset, Path(folder), workers, None, None)
        trainer.run()
        used = load_checkpoint(Path(folder, LAST)).model()
        fitted, scored = np.split(rng.permutation(trainer.validation), 2)
        known = rng.permutation(trainer.training)[: len(fitted)]

        def temperature(index: NDArray[np.int64]) -> float:
            outputs = Answers(Ensemble([used]), len(index)).outputs(dataset.train.inputs[index])
            return fit_temperature(outputs, dataset.train.targets[index])

        def wrong(index: NDArray[np.int64]) -> float:
            return 1 - (evaluate(used, dataset.train, workers, index).accuracy or 0.0)

        place = f"{100 * wrong(scored):.2f} % / {100 * wrong(known):.2f} %"
        found = {"none": None, "held out": temperature(fitted), "training": temperature(known)}
        for origin, value in found.items():
            corrected = dataclasses.replace(used, temperature=value)
            score = evaluate(corrected, dataset.train, workers, scored)
            shown = "1" if value is None else f"{value:.2f}"
            error = f"{score.calibration_error:.4f}"
            rows.append([f"`{preset}`", place, origin, shown, error, f"{score.loss:.4f}"])
    return rows


if __name__ == "__main__":
    main()
