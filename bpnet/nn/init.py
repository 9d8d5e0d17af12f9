"""Choose the weights a network starts from."""

import math

import numpy as np

from bpnet.nn.layer import Layer, Shape

BLOCK = 1 << 16  # weights drawn at a time: all at once would take twice their memory besides


def standard_deviation(name: str, shape: Shape) -> float:
    """Return the standard deviation of a weight (out, in, …) at the start.

    | name | variance | source |
    |---|---|---|
    | he | 2 / fan_in | He et al., 2015, equation 10 |
    | glorot | 2 / (fan_in + fan_out) | Glorot and Bengio, 2010, equation 12 |
    | lecun | 1 / fan_in | LeCun et al., 1998, equation 16 |
    | normal | 1 | Nielsen, 2015, chapter 1 |
    | zeros | 0 | |
    """
    area = math.prod(shape[2:])
    fan_in, fan_out = shape[1] * area, shape[0] * area
    variances = {
        "he": 2 / fan_in,
        "glorot": 2 / (fan_in + fan_out),
        "lecun": 1 / fan_in,
        "normal": 1.0,
        "zeros": 0.0,
    }
    return math.sqrt(variances[name])


def initialise(layer: Layer[object], name: str, rng: np.random.Generator) -> None:
    """Overwrite a layer's parameters by their starting values.

    Weights are drawn from a normal distribution. Biases start at 0, with `normal` they are drawn
    from N(0, 1) as well; the factors of a batch normalisation start at 1.
    """
    for role, shape in layer.parameter_shapes.items():
        values = getattr(layer, role)
        if len(shape) > 1:
            deviation = standard_deviation(name, shape)
            rows = max(1, BLOCK // math.prod(shape[1:]))
            for start in range(0, shape[0], rows):
                block = values[start : start + rows]
                block[...] = rng.normal(0.0, deviation, block.shape)
        elif role == "weight":
            values[...] = 1
        else:
            values[...] = rng.normal(0.0, 1.0, shape) if name == "normal" else 0
