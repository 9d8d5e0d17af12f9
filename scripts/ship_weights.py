"""Put the weights of a run into the package, without what only training needs.

    bpnet train --config digits --run-dir RUN_DIR
    python scripts/ship_weights.py RUN_DIR

The file keeps the config with its seed, and the score on the test set; the averaged weights replace
the last ones.

Of the pictures to learn from, one in six shows no digit; of those that people want to have read,
far fewer do. So the logit of that class is lowered as Bayes' rule has it: by T log(π/(1 − π)) −
T log(π'/(1 − π')), where π and π' are the two frequencies and T is the temperature.

Source: Saerens, Latinne and Decaestecker, 2002.
"""

import argparse
import math
from pathlib import Path

from bpnet.data.load import load_dataset
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.model import Model
from bpnet.model.run_files import WEIGHTS, checkpoint_path
from bpnet.model.score import evaluate
from bpnet.model.workers import Workers
from bpnet.training.saving import model_record, named_arrays, save_checkpoint

LIMIT = 1_000_000  # bytes
WITHOUT_DIGIT = 0.05  # of the pictures that people want to have read


def main() -> None:
    """Write the package's weights and print their score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    checkpoint = load_checkpoint(checkpoint_path(options.run_dir))
    model = checkpoint.model()
    dataset = load_dataset(model.config, options.data_dir)
    if model.knows_others:
        others = dataset.train.targets == len(dataset.class_names) - 1
        lower_last_class(model, float(others.mean()))
    with Workers(1) as workers:
        score = evaluate(model, dataset.test, workers)
    record = model_record(model) | {
        "score": {"dataset": dataset.name, "samples": score.samples, "errors": score.errors}
    }
    network = {"parameters": model.network.parameters, "state": model.network.state}
    save_checkpoint(WEIGHTS, record, named_arrays(network))
    size = WEIGHTS.stat().st_size
    print(f"{WEIGHTS}: {size} bytes, {score.errors} errors of {score.samples}")
    if size > LIMIT:
        raise SystemExit(f"larger than the {LIMIT} bytes that the package allows")


def lower_last_class(model: Model, learned: float) -> None:
    """Make the last class, `no digit`, as rare as it is among pictures that people want to read.

    Args:
        model: its last layer is changed.
        learned: how frequent the class was among the training pictures.
    """
    names = [name for name in model.network.parameters.views if name.endswith(".bias")]
    bias = model.network.parameters.views[names[-1]]
    log_odds = math.log(learned / (1 - learned)) - math.log(WITHOUT_DIGIT / (1 - WITHOUT_DIGIT))
    bias[-1] -= (model.temperature or 1.0) * log_odds


if __name__ == "__main__":
    main()
