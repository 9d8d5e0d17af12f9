"""Take batch normalisation into the layer before it, once a network is trained."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpnet.fast.stages import fast_stages
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array, Layer
from bpnet.nn.linear import Linear
from bpnet.nn.norm import BatchNorm
from bpnet.nn.pool import MaxPool
from bpnet.nn.residual import link
from bpnet.nn.sequential import Sequential
from bpnet.nn.sliding_pool import SlidingMaxPool


def fold(network: Sequential) -> Sequential:
    """Return a network that answers the same with fewer layers: good for inference, not training.

    With its running statistics a batch normalisation is an affine map of each channel. Directly
    after a convolution or a linear layer, which is affine too, it is taken into that layer, and
    what follows, such as a ReLU, may then be computed in one go with it. A maximum pooling may
    stand between where no γ is negative: `f max x + c = max (f x + c)` for f ≥ 0.

    Returns:
        A network with copies of the weights as they are now, computed the fastest way unless
        `network` is plain; `network` itself where there is nothing to fold.

    Source: Jacob et al., 2018, section 3.2.
    """
    layers: list[Layer[Any]] = []
    values: list[dict[str, Array]] = []
    for layer in network.layers:
        place = affine_before(layers, layer) if type(layer) is BatchNorm else None
        if type(layer) is BatchNorm and place is not None:
            layers[place] = _with_bias(layers[place])
            values[place] = folded_values(values[place], layer)
        else:
            layers.append(copy.copy(layer))  # a network names and binds its layers
            roles = (*layer.parameter_shapes, *layer.state_shapes)
            values.append({role: getattr(layer, role) for role in roles})
    if len(layers) == len(network.layers):
        return network
    link(layers)
    is_plain = all(stage.layer in network.layers for stage in network.stages)
    stages = None if is_plain else fast_stages(layers)
    folded = Sequential(layers, network.loss, network.dtype, stages)
    with np.errstate(all="ignore"):  # what is too large for the dtype is refused as an answer
        for layer, of_layer in zip(layers, values, strict=True):
            for role, value in of_layer.items():
                getattr(layer, role)[...] = value
    return folded


def folded_values(values: Mapping[str, Array], norm: BatchNorm) -> dict[str, Array]:
    """Return the parameters of a layer that does a batch normalisation's work as well.

    `W' = f W` and `b' = f (b − μ) + β`, row by row, with `f = γ / √(σ² + ε)`.

    Args:
        values: `weight` (out, …) and, where the layer has one, `bias` (out,).
        norm: what comes after it, with `out` channels.

    Returns:
        `weight` and `bias` of the same shapes, in float64.
    """
    mean, variance, gamma = (
        array.astype(np.float64)
        for array in (norm.running_mean, norm.running_variance, norm.weight)
    )
    weight, bias = values["weight"], values.get("bias", np.zeros(len(mean)))
    with np.errstate(all="ignore"):  # what is not finite now was not before
        factor = gamma / np.sqrt(variance + norm.epsilon)
        return {
            "weight": weight * factor.reshape(-1, *(1,) * (weight.ndim - 1)),
            "bias": (bias - mean) * factor + norm.bias,
        }


def affine_before(layers: Sequence[Layer[Any]], norm: BatchNorm) -> int | None:
    """Return the number of the layer that can take in a batch normalisation after all of these."""
    place = len(layers) - 1
    pools = (MaxPool, SlidingMaxPool)
    if place > 0 and type(layers[place]) in pools and (norm.weight >= 0).all():
        place -= 1
    return place if place >= 0 and type(layers[place]) in (Conv, Linear) else None


def _with_bias(layer: Layer[Any]) -> Layer[Any]:
    """Return a convolution or a linear layer of the same sizes that has a bias."""
    out_channels = layer.output_shape[0]
    if isinstance(layer, Linear):
        return Linear(layer.input_shape, out_channels)
    assert isinstance(layer, Conv)
    return Conv(layer.input_shape, out_channels, layer.kernel_size, layer.stride, layer.padding)
