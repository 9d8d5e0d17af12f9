"""Count the epochs that a network takes to 99 % of the validation samples, by batch size and rule.

    python scripts/measure_batches.py --data-dir DIR [--preset fast] [--rule sgd] [--batch 64] …

Every rule begins with one learning rate, which is halved or doubled as long as that helps, so that
the best one has no better one on either side; the fewest epochs count, then the best accuracy. The
schedule is a cosine after a warm-up of a tenth of the run. Large batches accumulate: 512 samples at
a time. The test set plays no part.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from bpnet.config.loading import load_config
from bpnet.data.load import load_dataset
from bpnet.errors import DivergedError
from bpnet.machine import blas_threads
from bpnet.training.loop import Trainer
from bpnet.training.run import choose_workers, prepare_model

Score = tuple[float, float]  # −(epochs to the goal), −∞ without; the best accuracy until then

GOAL = 0.99
AT_ONCE = 512  # samples of a batch; more are accumulated
FIRST_RATES = {"sgd": 0.05, "lars": 5.0, "lamb": 0.005}  # LARS has the default trust


def main() -> None:
    """Measure what was asked for, and print a row for each rule and batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rule", action="append", choices=sorted(FIRST_RATES))
    parser.add_argument("--batch", action="append", type=int)
    chosen = parser.parse_args()
    print("| rule | batch | epochs to 99 % | best rate | best accuracy | rates tried |")
    print("|---|---|---|---|---|---|")
    for batch in chosen.batch or (64, 512, 2048, 8192):
        for rule in chosen.rule or FIRST_RATES:
            scores = search(partial(trained, chosen, rule, batch), FIRST_RATES[rule])
            rate = max(scores, key=scores.__getitem__)
            epochs, accuracy = scores[rate]
            tried = ", ".join(f"{one:g}" for one in sorted(scores))
            reached = f"{-epochs:g}" if epochs > -math.inf else "–"
            print(
                f"| {rule} | {batch} | {reached} | {rate:g} | {accuracy:.4f} | {tried} |",
                flush=True,
            )


def search(score: Callable[[float], Score], first: float) -> dict[float, Score]:
    """Return the scores of rates around the best: halved, or else doubled, as long as it helps."""
    scores = {rate: score(rate) for rate in (first, first / 2, first * 2)}
    for factor in (0.5, 2.0):
        while (best := max(scores, key=scores.__getitem__)) * factor not in scores:
            scores[best * factor] = score(best * factor)
    return scores


def trained(chosen: argparse.Namespace, rule: str, batch: int, rate: float) -> Score:
    """Train with a rate until the goal is reached; return how well that went."""
    at_once = min(batch, AT_ONCE)
    settings = {
        "train.batch_size": at_once,
        "train.accumulate": batch // at_once,
        "train.split": "samples",
        "train.ema": 0,
        "train.epochs": chosen.epochs,
        "optimizer.name": rule,
        "optimizer.learning_rate": rate,
        "optimizer.weight_decay": 1e-4,
        "schedule.name": "cosine",
        "schedule.warmup": 0.1,
        "data.validation": 5000,
    }
    config = load_config(chosen.preset, tuple(f"{key}={value}" for key, value in settings.items()))
    dataset = load_dataset(config, chosen.data_dir)
    model = prepare_model(config, dataset)
    with (
        tempfile.TemporaryDirectory() as folder,
        blas_threads(config.train.blas_threads),
        choose_workers(config) as workers,
    ):
        trainer = Trainer(model, dataset, Path(folder), workers, dataset.fingerprint())
        with suppress(DivergedError):  # the rate was too high
            trainer.run(lambda: reached(trainer) is not None)
    scores = [epoch["validation_accuracy"] for epoch in trainer.progress.history]
    return -(reached(trainer) or math.inf), max(scores, default=0.0)


def reached(trainer: Trainer) -> int | None:
    """Return the first epoch whose validation accuracy is at the goal."""
    scores = (epoch["validation_accuracy"] for epoch in trainer.progress.history)
    return next((number for number, one in enumerate(scores, start=1) if one >= GOAL), None)


if __name__ == "__main__":
    main()
