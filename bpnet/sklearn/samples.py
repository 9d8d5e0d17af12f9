"""Turn the rows that scikit-learn hands over into pictures or vectors for a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.network import build_layers
from bpnet.config.settings import Config
from bpnet.config.values import ROWS
from bpnet.data.dataset import Dataset, Samples
from bpnet.errors import listed
from bpnet.nn.layer import Shape
from bpnet.sklearn.settings import ParameterError

MNIST_PIXELS = 784  # so many features are taken for pictures of 28×28


def as_rows(samples: Any) -> tuple[Any, Shape | None]:
    """Return samples as scikit-learn takes them: pictures (n, height, width) as rows of pixels.

    Returns:
        The rows, and (1, height, width) if they were pictures.
    """
    shape = samples.shape if hasattr(samples, "shape") else np.asarray(samples).shape
    if len(shape) != 3:
        return samples, None
    height, width = shape[1:]
    return np.asarray(samples).reshape(len(samples), height * width), (1, height, width)


def dtype_of(rows: NDArray[Any]) -> str:
    """Return in which element type a network computes: float64 for float64, else float32."""
    return "float64" if rows.dtype.kind == "f" and rows.dtype.itemsize >= 8 else "float32"


def sample_shape(
    config: Config, features: int, classes: int, given: Sequence[int] | None, seen: Shape | None
) -> Shape:
    """Return the shape of a sample: (features,), or (channels, height, width) of a picture.

    Features of which nothing else is known are pixels of a square picture where there are 784 of
    them, or where the network or its distortions need pictures.

    Args:
        config: its layers and distortions are looked at.
        features: numbers of a sample.
        classes: outputs.
        given: the shape that the user named, if any; (height, width) are those of a picture.
        seen: the shape in which the samples came, where they were pictures.

    Raises:
        ParameterError: the features do not fill the shape, or the network does not fit it.
    """
    side = math.isqrt(features)
    square = (1, side, side) if side * side == features else None
    shape: Shape
    if given is not None:
        shape = given_shape(given, features)
    elif seen is not None:
        shape = seen
    elif square and (features == MNIST_PIXELS or not config.augment.is_identity):
        shape = square
    else:
        shape = (features,)
    problems = misfits(config, shape, classes)
    if problems and shape == (features,) and square and given is None:
        shape, problems = square, misfits(config, square, classes)
    if problems:
        hint = None
        if len(shape) == 1 and given is None and not square:
            hint = "if these are pictures that are not square, name their input_shape"
        raise ParameterError(
            "the network does not fit the samples", details=listed(problems), hint=hint
        )
    return shape


def given_shape(given: Any, features: int) -> Shape:
    """Return the shape that a user named, with one channel where none are named.

    Raises:
        ParameterError: it is none, or of other samples.
    """
    sizes: tuple[Any, ...] = tuple(given) if isinstance(given, Sequence | np.ndarray) else ()
    is_shape = all(isinstance(size, int | np.integer) and size > 0 for size in sizes)
    if not is_shape or not 1 <= len(sizes) <= 3 or math.prod(sizes) != features:
        raise ParameterError(
            "the samples do not have this shape",
            where="input_shape",
            expected=f"(height, width) or (channels, height, width) of {features} features",
            found=repr(given),
        )
    sizes = tuple(map(int, sizes))
    return (1, *sizes) if len(sizes) == 2 else sizes


def misfits(config: Config, shape: Shape, classes: int) -> list[str]:
    """Return what does not fit in a network that is given samples of this shape."""
    problems: list[str] = []
    build_layers(config, shape, classes, problems)
    return problems


def build_dataset(
    rows: NDArray[Any], targets: NDArray[np.int64], shape: Shape, names: tuple[str, ...]
) -> Dataset:
    """Return samples as a data set: pictures of whole greys, 0–255, in uint8, others as numbers.

    Args:
        rows: (samples, features).
        targets: class numbers (samples,).
        shape: of a sample.
        names: of the classes.
    """
    is_picture = len(shape) == 3 and shape[0] == 1
    if is_picture and are_greys(rows):
        inputs = rows.astype(np.uint8, copy=False).reshape(-1, *shape[1:])
    else:
        inputs = rows.reshape(-1, *shape)
    samples = Samples(inputs, targets)
    return Dataset(ROWS, samples, samples, names)


def demand_greys(config: Config, dataset: Dataset) -> None:
    """Make sure that samples which are to be distorted are grey pictures.

    Raises:
        ParameterError: they are not.
    """
    inputs = dataset.train.inputs
    if not config.augment.is_identity and (inputs.dtype != np.uint8 or inputs.ndim != 3):
        raise ParameterError(
            "only grey pictures can be distorted",
            where="augment",
            expected="pixels that are whole numbers from 0 to 255, of pictures with one channel",
            found=f"numbers of shape {dataset.input_shape} from {inputs.min()} to {inputs.max()}",
            hint="leave out what scales the pixels: normalize does that; or leave out augment",
        )


def are_greys(values: NDArray[Any]) -> bool:
    """Return whether all numbers are whole, and from 0 to 255."""
    if values.dtype == np.uint8:
        return True
    return bool(
        values.min() >= 0 and values.max() <= 255 and (values == values.astype(np.uint8)).all()
    )
