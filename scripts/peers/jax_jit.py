"""Train with JAX: a step compiled, or a loop of many; weights are updated in place."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from peers.work import (
    LEARNING_RATE,
    MOMENTUM,
    Index,
    Training,
    Weights,
    Work,
    channels_last,
    one_by_one,
)

VERSION = jax.__version__
LAYOUT = ("NHWC", "HWIO", "NHWC")
Parameters = list[tuple[Any, Any] | None]


def train(work: Work, mode: str) -> Training:
    """Return the training in one mode: `jit`, a call per step, or `scan`, a call per block.

    Raises:
        NotImplementedError: a scan of convolutions, for which XLA has slow code within loops only
            (`lenet5`: a quarter of the speed of `jit`).
    """
    if mode == "scan" and any(spec.kind == "conv" for spec, _, _ in work.layers()):
        raise NotImplementedError("within a scan, convolutions take several times as long")
    images, labels = jnp.asarray(work.inputs()[..., None]), jnp.asarray(work.labels)
    forward = partial(apply, work)

    def loss_of(parameters: Parameters, x: Any, y: Any, key: Any) -> Any:
        logits = jax.nn.log_softmax(forward(parameters, x, key))
        return -jnp.take_along_axis(logits, y[:, None], axis=1).mean()

    def update(images: Any, labels: Any, state: Any, index: Any) -> Any:
        parameters, velocity, key = state
        key, drawn = jax.random.split(key)
        gradient = jax.grad(loss_of)(parameters, images[index], labels[index], drawn)
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v - LEARNING_RATE * g, velocity, gradient)
        parameters = jax.tree.map(lambda w, v: w + v, parameters, velocity)
        return (parameters, velocity, key), None

    @partial(jax.jit, donate_argnums=0)
    def block_of_steps(state: Any, images: Any, labels: Any, block: Any) -> Any:
        of_these = partial(update, images, labels)
        return (lax.scan(of_these, state, block) if mode == "scan" else of_these(state, block))[0]

    start = starting_weights(work)
    state = [(start, jax.tree.map(jnp.zeros_like, start), jax.random.key(0))]

    def steps(block: Index) -> None:
        state[0] = block_of_steps(state[0], images, labels, block)
        jax.block_until_ready(state[0])

    def weights() -> Weights:
        return field_shapes(work, [pair for pair in state[0][0] if pair is not None])

    return Training(steps if mode == "scan" else one_by_one(steps), weights)


def starting_weights(work: Work) -> Parameters:
    """Return a (weight, bias) pair per layer, None for layers that have none."""
    values = iter(channels_last(work, work.weights()))
    parameters: Parameters = []
    for spec, _, _ in work.layers():
        if spec.kind not in {"linear", "conv"}:
            parameters.append(None)
            continue
        axes = (2, 3, 1, 0) if spec.kind == "conv" else (1, 0)
        parameters.append((jnp.asarray(next(values).transpose(axes)), jnp.asarray(next(values))))
    return parameters


def field_shapes(work: Work, pairs: list[tuple[Any, Any]]) -> Weights:
    """Return weights as `Work.weights` does."""
    values: Weights = []
    for weight, bias in pairs:
        axes = (3, 2, 0, 1) if weight.ndim == 4 else (1, 0)
        values += [np.array(weight).transpose(axes), np.array(bias)]
    return channels_last(work, values, back=True)


def apply(work: Work, parameters: Parameters, x: Any, key: Any) -> Any:
    """Return the logits of pictures (batch, 28, 28, 1)."""
    for number, ((spec, _, _), pair) in enumerate(zip(work.layers(), parameters, strict=True)):
        given = spec.options
        if spec.kind == "conv" and pair is not None:
            border = [(given.get("padding", 0),) * 2] * 2
            x = lax.conv_general_dilated(x, pair[0], (1, 1), border, dimension_numbers=LAYOUT)
            x = x + pair[1]
        elif spec.kind == "linear" and pair is not None:
            x = x @ pair[0] + pair[1]
        elif spec.kind == "maxpool":
            block = (1, given["size"], given["size"], 1)
            x = lax.reduce_window(x, -jnp.inf, lax.max, block, block, "VALID")
        elif spec.kind == "relu":
            x = jax.nn.relu(x)
        elif spec.kind == "dropout":
            kept = 1 - given["probability"]
            mask = jax.random.bernoulli(jax.random.fold_in(key, number), kept, x.shape)
            x = jnp.where(mask, x / kept, 0)
        elif spec.kind == "flatten":
            x = x.reshape(len(x), -1)
    return x
