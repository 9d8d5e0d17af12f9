"""Put the weights of a run into the package, without what only training needs.

    bpnet train --config digits --run-dir RUN_DIR
    python scripts/ship_weights.py RUN_DIR

The file keeps the config with its seed, and the score on the test set; the averaged weights replace
the last ones.
"""

import argparse
from pathlib import Path

from bpnet.data.load import load_dataset
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import WEIGHTS, checkpoint_path
from bpnet.model.score import evaluate
from bpnet.model.workers import Workers
from bpnet.training.saving import model_record, named_arrays, save_checkpoint

LIMIT = 1_000_000  # bytes


def main() -> None:
    """Write the package's weights and print their score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    checkpoint = load_checkpoint(checkpoint_path(options.run_dir))
    model = checkpoint.model()
    dataset = load_dataset(model.config, options.data_dir)
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


if __name__ == "__main__":
    main()
