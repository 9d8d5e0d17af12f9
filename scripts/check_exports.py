"""Let onnxruntime answer all test pictures with exported networks, and compare with bpnet.

    python scripts/check_exports.py [CHECKPOINT…] [--data-dir DIR]

Each checkpoint or run directory (by default the weights that ship with bpnet) is exported as by
`bpnet export`, and both programs answer the 10,000 test pictures of its data set. The exit code is
1 if a label differs, or a probability by more than 1e-5.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime

from bpnet.data.load import load_dataset
from bpnet.export.onnx.file import onnx_bytes
from bpnet.model.blocks import probabilities
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.ensemble import Ensemble
from bpnet.model.model import Model
from bpnet.model.run_files import WEIGHTS, checkpoint_path
from bpnet.model.workers import Workers

CLOSE = 1e-5  # in probability
BLOCK = 500  # pictures at a time


def main() -> None:
    """Compare, print a line for each checkpoint, and end with 1 where one differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoints", type=Path, nargs="*", default=[WEIGHTS])
    parser.add_argument("--data-dir", type=Path)
    arguments = parser.parse_args()
    worst = False
    for place in arguments.checkpoints:
        model = load_checkpoint(checkpoint_path(place)).model()
        labels, difference, pictures = compare(model, arguments.data_dir)
        worst |= labels > 0 or not difference <= CLOSE
        print(f"{place}: {labels} of {pictures} labels differ, probabilities by {difference:.1e}")
    raise SystemExit(int(worst))


def compare(model: Model, data_dir: Path | None) -> tuple[int, float, int]:
    """Return how many labels differ, the largest difference of a probability, and of how many."""
    data = dataclasses.replace(model.config.data, drawn=0, non_digits=0, class_names=())
    config = dataclasses.replace(model.config, data=data)
    pictures = load_dataset(config, data_dir).test.inputs
    session = onnxruntime.InferenceSession(onnx_bytes(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    blocks = [pictures[start : start + BLOCK] for start in range(0, len(pictures), BLOCK)]
    found = np.concatenate([session.run(None, {name: block})[0] for block in blocks])
    with Workers(1) as workers:
        expected = probabilities(Ensemble([model]), pictures, workers)
    labels = int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
    return labels, float(np.abs(found - expected).max()), len(pictures)


if __name__ == "__main__":
    main()
