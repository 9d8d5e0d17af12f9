"""Train with scikit-learn, which has only multi-layer perceptrons."""

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier
from threadpoolctl import ThreadpoolController

from peers.work import LEARNING_RATE, MOMENTUM, Index, Training, Weights, Work, one_by_one

VERSION = sklearn.__version__


def train(work: Work, mode: str) -> Training:
    """Return the training; one mode, `sgd`.

    Raises:
        NotImplementedError: the network has other layers.
    """
    lines = [(spec, outputs) for spec, _, outputs in work.layers()]
    if any(spec.kind not in {"flatten", "linear", "relu"} for spec, _ in lines):
        raise NotImplementedError("it has only perceptrons")
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
    network.partial_fit(images[:1], labels[:1], classes=np.arange(10))  # makes its arrays
    start = work.weights()
    for own, value in zip(network.coefs_, start[::2], strict=True):
        own[...] = value.T
    for own, value in zip(network.intercepts_, start[1::2], strict=True):
        own[...] = value
    for velocity in network._optimizer.velocities:
        velocity[...] = 0

    def step(index: Index) -> None:
        network.partial_fit(images[index], labels[index])

    def weights() -> Weights:
        pairs = zip(network.coefs_, network.intercepts_, strict=True)
        return [value for weight, bias in pairs for value in (weight.T.copy(), bias)]

    return Training(one_by_one(step), weights)
