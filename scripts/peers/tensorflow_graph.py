"""Train with TensorFlow: a block of steps as one graph, or compiled by XLA."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import Any

import numpy as np
import tensorflow as tf

from peers.work import LEARNING_RATE, MOMENTUM, Index, Training, Weights, Work, channels_last

VERSION = tf.__version__


def train(work: Work, mode: str) -> Training:
    """Return the training in one mode: `graph` or `xla`."""
    threads = tf.config.threading
    if threads.get_intra_op_parallelism_threads() != 2:
        threads.set_intra_op_parallelism_threads(2)
        threads.set_inter_op_parallelism_threads(2)
    images, labels = tf.constant(work.inputs()[..., None]), tf.constant(work.labels)
    parameters = [tf.Variable(value) for value in turned(channels_last(work, work.weights()))]
    velocity = [tf.Variable(tf.zeros_like(value)) for value in parameters]
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits

    def step(index: Any) -> None:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            logits = apply(work, parameters, tf.gather(images, index))
            loss = tf.reduce_mean(losses(tf.gather(labels, index), logits))
        for w, v, g in zip(parameters, velocity, tape.gradient(loss, parameters), strict=True):
            v.assign(MOMENTUM * v - LEARNING_RATE * g)
            w.assign_add(v)

    compiled = tf.function(step, jit_compile=mode == "xla", autograph=False)

    def steps(block: Any) -> None:
        for number in tf.range(len(block)):
            compiled(block[number])

    loop = tf.function(steps)  # a loop of the graph, not of Python

    def take(block: Index) -> None:
        loop(tf.constant(block))

    def weights() -> Weights:
        values = [np.array(value) for value in parameters]
        return channels_last(work, turned(values, back=True), back=True)

    return Training(take, weights)


def turned(weights: Weights, *, back: bool = False) -> Weights:
    """Return weights as TensorFlow wants them, (in, out) and (h, w, in, out), or turn them back."""
    axes = {2: (1, 0), 4: (3, 2, 0, 1) if back else (2, 3, 1, 0)}
    return [
        np.ascontiguousarray(value.transpose(axes[value.ndim])) if value.ndim in axes else value
        for value in weights
    ]


def apply(work: Work, parameters: list[Any], x: Any) -> Any:
    """Return the logits of pictures (batch, 28, 28, 1)."""
    values = iter(parameters)
    for spec, inputs, _ in work.layers():
        given = spec.options
        if spec.kind == "conv":
            border = [[0, 0], *[[given.get("padding", 0)] * 2] * 2, [0, 0]]
            padding = border if given.get("padding") else "VALID"
            x = tf.nn.bias_add(tf.nn.conv2d(x, next(values), 1, padding), next(values))
        elif spec.kind == "linear":
            x = tf.nn.bias_add(tf.matmul(x, next(values)), next(values))
        elif spec.kind == "maxpool":
            x = tf.nn.max_pool2d(x, given["size"], given["size"], "VALID")
        elif spec.kind == "relu":
            x = tf.nn.relu(x)
        elif spec.kind == "dropout":
            x = tf.nn.dropout(x, given["probability"])
        elif spec.kind == "flatten":
            x = tf.reshape(x, (-1, int(np.prod(inputs))))
    return x
