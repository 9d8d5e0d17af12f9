"""Choose how layers are computed: each by itself, or a convolution with what follows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bpnet.nn.activation import ReLU
from bpnet.nn.block import ConvBlock
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Layer
from bpnet.nn.pool import MaxPool
from bpnet.nn.tiled import TiledConv
from bpnet.nn.winograd import WinogradConv, tile_for


@dataclass(frozen=True)
class Stage:
    """Hold what computes one or several layers that follow one another.

    Args:
        layer: what computes them; it has the parameters of the first of them.
        position: of the first of them in the network, from 0.
        count: how many they are.
    """

    layer: Layer[Any]
    position: int
    count: int = 1


def plain_stages(layers: Sequence[Layer[Any]]) -> list[Stage]:
    """Return every layer as a stage of its own: slower, and as it is written in the textbook."""
    return [Stage(layer, position) for position, layer in enumerate(layers)]


def fast_stages(layers: Sequence[Layer[Any]]) -> list[Stage]:
    """Return stages that compute the same, the fastest way that their shapes allow.

    An unstrided convolution takes a maximum pooling and a ReLU behind it along, in either order.
    """
    stages = []
    position = 0
    while position < len(layers):
        stage = _stage_at(layers, position)
        stages.append(stage)
        position += stage.count
    return stages


def _stage_at(layers: Sequence[Layer[Any]], position: int) -> Stage:
    conv = layers[position]
    if not isinstance(conv, Conv) or conv.stride != 1:
        return Stage(conv, position)
    pool_size, relu, count = 1, False, 1
    for layer in layers[position + 1 : position + 3]:
        if isinstance(layer, ReLU) and not relu:
            relu = True
        elif isinstance(layer, MaxPool) and pool_size == 1:
            pool_size = layer.kernel_size
        else:
            break
        count += 1
    return Stage(fast_block(conv, pool_size, relu), position, count)


def fast_block(conv: Conv, pool_size: int, relu: bool) -> ConvBlock[Any]:
    """Return the fastest form of a convolution with pooling and cut-off."""
    tile = tile_for(conv, pool_size)
    if tile is not None:
        return WinogradConv(conv, tile, pool_size, relu)
    return TiledConv(conv, pool_size, relu)
