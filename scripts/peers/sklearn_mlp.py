"""Train with scikit-learn, which has only multi-layer perceptrons."""

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier
from threadpoolctl import ThreadpoolController

from peers.work import LEARNING_RATE, MOMENTUM, Step, Work

VERSION = sklearn.__version__


def build(work: Work, mode: str) -> Step | None:
    """Return the training step, or None for networks with convolutions; one mode, `sgd`."""
    lines = [(spec, outputs) for spec, _, outputs in work.layers()]
    if any(spec.kind not in {"flatten", "linear", "relu"} for spec, _ in lines):
        return None
    network = MLPClassifier(
        [outputs[0] for spec, outputs in lines if spec.kind == "linear"][:-1],
        solver="sgd",
        batch_size=work.batch_size,
        learning_rate_init=LEARNING_RATE,
        momentum=MOMENTUM,
        nesterovs_momentum=False,
        alpha=0,
    )
    images, labels = work.inputs().reshape(len(work.images), -1), work.labels
    ThreadpoolController().limit(limits=2)

    def step(index: NDArray[np.int64]) -> None:
        network.partial_fit(images[index], labels[index], classes=np.arange(10))

    return step
