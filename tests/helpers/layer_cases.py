"""Draw every kind of layer in random shapes, with inputs that suit it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.fast.dropout import BlockedDropout
from bpnet.fast.linear import BlockedLinear
from bpnet.fast.norm import FusedNorm
from bpnet.nn.activation import ReLU, Sigmoid
from bpnet.nn.avgpool import AvgPool
from bpnet.nn.conv import Conv
from bpnet.nn.dropout import Dropout
from bpnet.nn.elu import ELU
from bpnet.nn.gelu import GELU
from bpnet.nn.globalavgpool import GlobalAvgPool
from bpnet.nn.layer import Array, Layer
from bpnet.nn.leaky_relu import LeakyReLU
from bpnet.nn.linear import Linear
from bpnet.nn.norm import BatchNorm
from bpnet.nn.pool import MaxPool
from bpnet.nn.reshape import Flatten
from bpnet.nn.residual import End, Residual
from bpnet.nn.scale import Scale
from bpnet.nn.sliding_pool import SlidingMaxPool
from bpnet.nn.softmax import Softmax
from bpnet.nn.softplus import Softplus
from bpnet.nn.tanh import Tanh
from tests.helpers.fused_cases import Case, draw_direct, draw_winograd, draw_winograd_rows
from tests.helpers.gradients import Trial

Rng = np.random.Generator
Maker = Callable[[Rng], Layer[Any]]


def draw(rng: Rng, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def picture(rng: Rng) -> tuple[int, int, int]:
    """Draw (channels, height, width), never square."""
    height, extra = draw(rng, 5, 7), draw(rng, 1, 3)
    sides = (height, height + extra) if rng.random() < 0.5 else (height + extra, height)
    return (draw(rng, 1, 4), *sides)


def any_shape(rng: Rng) -> tuple[int, ...]:
    return picture(rng) if rng.random() < 0.5 else (draw(rng, 2, 9),)


def conv(rng: Rng) -> Conv:
    kernel, stride, padding = draw(rng, 1, 4), draw(rng, 1, 3), draw(rng, 0, 2)
    return Conv(picture(rng), draw(rng, 1, 4), kernel, stride, padding, bool(rng.random() < 0.7))


def pool(rng: Rng) -> tuple[Any, ...]:
    """Draw input shape, size, stride and padding of a pool: side by side, overlapping or apart."""
    size = draw(rng, 1, 4)
    return picture(rng), size, draw(rng, 1, size + 1), draw(rng, 0, size // 2)


def alone(case: Case) -> Layer[Any]:
    """Leave pooling and ReLU out of a fused layer."""
    return replace(case, pool_size=1, relu=False).fused()


MAKERS: dict[str, Maker] = {
    "linear": lambda rng: Linear((draw(rng, 1, 9),), draw(rng, 1, 9), bool(rng.random() < 0.7)),
    "conv": conv,
    "conv_plain": lambda rng: Conv(picture(rng), 3, 3),
    "conv_padded": lambda rng: Conv(picture(rng), 2, 5, 1, 2),
    "conv_strided": lambda rng: Conv(picture(rng), 2, 3, 2, 1, bias=False),
    "conv_direct": lambda rng: alone(draw_direct(rng)),
    "conv_winograd": lambda rng: alone(draw_winograd(rng)),
    "direct": lambda rng: draw_direct(rng).fused(),
    "winograd": lambda rng: draw_winograd(rng).fused(),
    "winograd_rows": lambda rng: draw_winograd_rows(rng).fused(),
    "maxpool": lambda rng: MaxPool(picture(rng), draw(rng, 1, 4)),
    "avgpool": lambda rng: AvgPool(picture(rng), draw(rng, 1, 4)),
    "maxpool_strided": lambda rng: SlidingMaxPool(*pool(rng)),
    "maxpool_overlapping": lambda rng: SlidingMaxPool(picture(rng), 3, 2, 1),
    "avgpool_strided": lambda rng: AvgPool(*pool(rng)),
    "avgpool_overlapping": lambda rng: AvgPool(picture(rng), 3, 2, 1),
    "globalavgpool": lambda rng: GlobalAvgPool(picture(rng)),
    "residual": lambda rng: Residual(any_shape(rng)),
    "end": lambda rng: End(any_shape(rng)),
    "flatten": lambda rng: Flatten(picture(rng)),
    "relu": lambda rng: ReLU(any_shape(rng)),
    "leaky_relu": lambda rng: LeakyReLU(any_shape(rng), 0.1),
    "sigmoid": lambda rng: Sigmoid(any_shape(rng)),
    "tanh": lambda rng: Tanh(any_shape(rng)),
    "elu": lambda rng: ELU(any_shape(rng), 0.7),
    "elu_smooth": lambda rng: ELU(any_shape(rng)),
    "gelu": lambda rng: GELU(any_shape(rng)),
    "softplus": lambda rng: Softplus(any_shape(rng)),
    "linear_blocked": lambda rng: BlockedLinear(Linear((draw(rng, 1, 9),), 16)),
    "dropout_blocked": lambda rng: BlockedDropout(Dropout(any_shape(rng), 0.4)),
    "softmax": lambda rng: Softmax((draw(rng, 2, 9),)),
    "dropout": lambda rng: Dropout(any_shape(rng), 0.4),
    "batchnorm": lambda rng: BatchNorm(any_shape(rng), 0.2, 1e-4),
    "norm_fused": lambda rng: FusedNorm(BatchNorm(any_shape(rng), 0.2, 1e-4)),
    "norm_fused_relu": lambda rng: FusedNorm(BatchNorm(picture(rng)), relu=True),
    "norm_fused_end": lambda rng: FusedNorm(BatchNorm(any_shape(rng)), adds=True),
    "scale": lambda rng: Scale(any_shape(rng), -1.7),
}
every_layer = pytest.mark.parametrize("kind", MAKERS)


def inputs_for(layer: Layer[Any], batch: int, rng: Rng) -> NDArray[np.float64]:
    """Draw inputs away from the kink at 0 and no two of them equal, as far as the step goes."""
    size = int(np.prod(layer.input_shape)) * batch
    magnitudes = rng.permutation(np.linspace(0.1, 2.0, size))
    signed: NDArray[np.float64] = magnitudes * rng.choice([-1.0, 1.0], size)
    return signed.reshape(*layer.input_shape, batch)


def trial_of(kind: str, seed: int, **options: Any) -> tuple[Trial, Rng]:
    rng = np.random.default_rng([seed, list(MAKERS).index(kind)])
    return Trial(MAKERS[kind](rng), rng, **options), rng


def one_case(trial: Trial, batch: int, rng: Rng) -> tuple[Array, Array]:
    """Draw an input and a gradient of the output."""
    x = inputs_for(trial.layer, batch, rng).astype(trial.dtype)
    grad_output = rng.normal(size=(*trial.layer.output_shape, batch)).astype(trial.dtype)
    return x, grad_output
