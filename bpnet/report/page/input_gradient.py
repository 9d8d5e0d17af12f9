"""Ask where in a picture an answer comes from: the gradient of the class's output by the input."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.model.inputs import to_inputs
from bpnet.model.model import Model
from bpnet.nn.conv import Conv
from bpnet.nn.dropout import Dropout
from bpnet.nn.layer import Array, Layer
from bpnet.nn.linear import Linear
from bpnet.nn.norm import Norm
from bpnet.nn.residual import link
from bpnet.nn.sequential import Sequential, Workspace


def input_gradients(model: Model, samples: NDArray[Any], classes: NDArray[np.intp]) -> Array:
    """Return `∂z_c/∂x` (samples, *input_shape): what raises the output z of class c, and how much.

    One backward pass from `e_c` gives it: `∂z_c/∂x = Jᵀ e_c`.

    Args:
        model: the network.
        samples: (samples, …), as the data set stores them.
        classes: c of each sample.

    Source: Simonyan, Vedaldi and Zisserman, 2014, section 3.
    """
    network = answering(model.network)
    count = len(samples)
    workspace = Workspace(network, count, training=True, wants_input_gradient=True)
    caches = workspace.caches(count)
    outputs = network.forward(to_inputs(samples, model.normalization, caches.inputs), caches)
    chosen = np.zeros_like(outputs)
    chosen[classes, np.arange(count)] = 1
    gradients = network.backward(chosen, caches)
    return np.moveaxis(gradients, -1, 0).copy()


def answering(network: Sequential) -> Sequential:
    """Return a network that, made for training, computes what `network` computes in evaluation.

    Dropout is left out, and batch normalisation with its running statistics, an affine map of each
    channel, becomes a layer with a diagonal weight.
    """
    layers: list[Layer[Any]] = []
    values: list[dict[str, Array]] = []
    for layer in network.layers:
        if isinstance(layer, Dropout):
            continue
        if isinstance(layer, Norm):
            layers.append(_affine_layer(layer))
            values.append(_affine_values(layer))
        else:
            layers.append(copy.copy(layer))  # a network names and binds its layers
            values.append({role: getattr(layer, role) for role in layer.parameter_shapes})
    link(layers)
    answering = Sequential(layers, network.loss, network.dtype)
    for layer, of_layer in zip(layers, values, strict=True):
        for role, value in of_layer.items():
            getattr(layer, role)[...] = value
    return answering


def _affine_layer(norm: Norm[Any]) -> Layer[Any]:
    channels = norm.input_shape[0]
    is_vector = len(norm.input_shape) == 1
    return Linear(norm.input_shape, channels) if is_vector else Conv(norm.input_shape, channels, 1)


def _affine_values(norm: Norm[Any]) -> dict[str, Array]:
    """Return `W = diag f` and `b = β − f μ` with `f = γ / √(σ² + ε)`."""
    factor = norm.weight / np.sqrt(norm.running_variance + norm.epsilon)
    weight = np.diag(factor)
    if len(norm.input_shape) > 1:
        weight = weight[:, :, None, None]
    return {"weight": weight, "bias": norm.bias - factor * norm.running_mean}
