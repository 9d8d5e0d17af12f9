"""Choose how layers are computed fastest: each on its own, or a convolution with what follows."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from bpnet.fast import sizes
from bpnet.fast.direct import DirectConv
from bpnet.fast.dropout import BlockedDropout
from bpnet.fast.fused import FusedConv
from bpnet.fast.linear import BlockedLinear
from bpnet.fast.norm import FusedNorm
from bpnet.fast.winograd_rows import WinogradRowConv
from bpnet.nn.activation import ReLU
from bpnet.nn.conv import Conv
from bpnet.nn.dropout import Dropout
from bpnet.nn.layer import Layer
from bpnet.nn.linear import Linear
from bpnet.nn.norm import BatchNorm
from bpnet.nn.pool import MaxPool
from bpnet.nn.residual import End
from bpnet.nn.sliding_pool import SlidingMaxPool
from bpnet.nn.stage import Stage

# Their backward does not read the output of forward, and its input only before it writes the
# gradient there.
READS_NO_OUTPUT = (FusedConv, BlockedDropout, FusedNorm)


def fast_stages(layers: Sequence[Layer[Any]]) -> list[Stage]:
    """Return stages that compute the same, the fastest way that their shapes allow.

    An unstrided convolution takes along a maximum pooling and a ReLU after it, in either order;
    batch normalisation takes along the end of a residual block and then a ReLU.
    """
    stages: list[Stage] = []
    position = 0
    while position < len(layers):
        stage = _stage_at(layers, position)
        if stages and all(isinstance(s.layer, READS_NO_OUTPUT) for s in (stages[-1], stage)):
            stage = dataclasses.replace(stage, overwrites_input=True)
        stages.append(stage)
        position += stage.count
    return stages


def _stage_at(layers: Sequence[Layer[Any]], position: int) -> Stage:
    layer = layers[position]  # what is derived from these computes something else
    if type(layer) is Linear:
        return Stage(BlockedLinear(layer), position)
    if type(layer) is Dropout:
        return Stage(BlockedDropout(layer), position)
    if type(layer) is BatchNorm:
        following = [type(layer) for layer in layers[position + 1 : position + 3]]
        adds = following[:1] == [End]
        relu = following[adds : adds + 1] == [ReLU]
        return Stage(FusedNorm(layer, adds=adds, relu=relu), position, 1 + adds + relu)
    if type(layer) is not Conv or layer.stride != 1:
        return Stage(layer, position)
    pool_size, relu, count = 1, False, 1
    for after in layers[position + 1 : position + 3]:
        if type(after) is ReLU and not relu:
            relu = True
        elif pool_size == 1 and _block_side(after):
            pool_size = _block_side(after)
        else:
            break
        count += 1
    return Stage(fast_conv(layer, pool_size, relu), position, count)


def _block_side(layer: Layer[Any]) -> int:
    """Return the side of the blocks of which a layer keeps the maximum; 0 for any other layer."""
    if type(layer) is MaxPool or (type(layer) is SlidingMaxPool and layer.tiles):
        return layer.kernel_size
    return 0


def fast_conv(conv: Conv, pool_size: int, relu: bool) -> FusedConv[Any]:
    """Return the fastest form of a convolution with pooling and ReLU."""
    tile = tile_for(conv, pool_size)
    if tile is None:
        return DirectConv(conv, pool_size, relu)
    if tile == pool_size == 2:
        return WinogradRowConv(conv, relu)
    from bpnet.fast.winograd import WinogradConv  # not needed to read a picture

    return WinogradConv(conv, tile, pool_size, relu)


def tile_for(conv: Conv, pool_size: int) -> int | None:
    """Return the side of the tiles with which a convolution is fastest this way, if it is.

    It must be 3×3, unstrided, with many channels, and tiles must not reach far beyond the output.
    Large tiles need fewer products, small ones end closer to the border.
    """
    if conv.kernel_size != 3 or conv.stride != 1:
        return None
    if min(conv.input_shape[0], conv.output_shape[0]) < sizes.chosen().fewest_channels:
        return None
    height, width = (side // pool_size * pool_size for side in conv.output_shape[1:])
    for tile in (4, 2):
        computed = tile**2 * -(-height // tile) * -(-width // tile)
        if tile % pool_size == 0 and height * width >= sizes.chosen().least_covered * computed:
            return tile
    return None
