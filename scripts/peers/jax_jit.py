"""Train with JAX: the whole step compiled, its weights updated in place."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from peers.work import LEARNING_RATE, MOMENTUM, Step, Work

VERSION = jax.__version__
LAYOUT = ("NHWC", "HWIO", "NHWC")
Parameters = list[tuple[Any, Any] | None]


def build(work: Work, mode: str) -> Step:
    """Return the training step; there is one mode, `jit`."""
    images, labels = jnp.asarray(work.inputs()[..., None]), jnp.asarray(work.labels)
    forward = partial(apply, work)

    def loss_of(parameters: Parameters, x: Any, y: Any, key: Any) -> Any:
        logits = jax.nn.log_softmax(forward(parameters, x, key))
        return -jnp.take_along_axis(logits, y[:, None], axis=1).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def update(parameters: Parameters, velocity: Parameters, index: Any, key: Any) -> Any:
        key, drawn = jax.random.split(key)
        gradient = jax.grad(loss_of)(parameters, images[index], labels[index], drawn)
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v - LEARNING_RATE * g, velocity, gradient)
        parameters = jax.tree.map(lambda w, v: w + v, parameters, velocity)
        return parameters, velocity, key

    start = starting_weights(work)
    state = [start, jax.tree.map(jnp.zeros_like, start), jax.random.key(0)]

    def step(index: NDArray[np.int64]) -> None:
        state[:] = update(state[0], state[1], index, state[2])
        jax.block_until_ready(state[0])

    return step


def starting_weights(work: Work) -> Parameters:
    """Return a (weight, bias) pair per layer, None for layers that have none."""
    rng = np.random.default_rng(0)
    parameters: Parameters = []
    for spec, inputs, outputs in work.layers():
        if spec.kind not in {"linear", "conv"}:
            parameters.append(None)
            continue
        side = (spec.options["kernel"],) * 2 if spec.kind == "conv" else ()
        shape = (*side, inputs[0], outputs[0])
        weight = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))
        parameters.append((jnp.asarray(weight, jnp.float32), jnp.zeros(outputs[0])))
    return parameters


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
