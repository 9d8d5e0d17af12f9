"""Build the layers that a config describes, and note what does not fit."""

from __future__ import annotations

import math
from typing import Any

from bpnet.config.layer_lines import LayerSpec
from bpnet.config.settings import Config
from bpnet.errors import shorten
from bpnet.nn.layer import Layer, Shape, ShapeError
from bpnet.nn.registry import find_layer, find_loss

MOST_PARAMETERS = 25_000_000  # so that predicting takes less than 500 MB, in float64 too
LIKE_MNIST = ("mnist", "fashion_mnist", "synthetic")  # ten classes of 28×28 pixels
MOST_ACTIVATIONS = 10_000_000  # numbers that all layers write for one sample; likewise


def known_input_shape(config: Config) -> Shape | None:
    """Return the shape of a sample, if the config alone gives it."""
    data = config.data
    if data.dataset == "table":
        return data.input_shape or ((len(data.inputs[0]),) if data.inputs else None)
    return (1, 28, 28) if data.dataset in LIKE_MNIST else None


def known_outputs(config: Config) -> int | None:
    """Return how many numbers the network should give, if the config alone shows it."""
    data = config.data
    if data.dataset == "table":
        return len(data.targets[0]) if data.targets else None
    return 10 + (data.non_digits > 0) if data.dataset in LIKE_MNIST else None


def build_layer(spec: LayerSpec, input_shape: Shape) -> Layer[Any]:
    """Return the layer that a line describes, for samples of the given shape.

    Raises:
        ShapeError: the layer cannot take this shape.
    """
    layer: Any = find_layer(spec.kind, spec.options)
    arguments = {option.name: option.argument for option in layer.options}
    built: Layer[Any] = layer(
        input_shape, **{arguments[name]: value for name, value in spec.options.items()}
    )
    return built


def build_layers(
    config: Config, input_shape: Shape, outputs: int | None, problems: list[str]
) -> list[Layer[Any]]:
    """Return the layers of a config as far as they fit, and note what does not.

    Args:
        config: its model, loss and starting weights are used.
        input_shape: shape of a sample.
        outputs: numbers that the last layer must give, if known.
        problems: gets one line per error, with its place.
    """
    layers: list[Layer[Any]] = []
    shape = input_shape
    activations = 0
    for spec in config.model.layers:
        place = spec.where or "[model] layers, by default"
        try:
            layers.append(build_layer(spec, shape))
            if spec.kind == "end":
                _close_block(config, layers)
        except ShapeError as error:
            problems.append(f"{place}: `{spec.text}` does not fit {shape}: {error}")
            return layers
        shape = layers[-1].output_shape
        activations += layers[-1].activations()
        if activations > MOST_ACTIVATIONS:
            problems.append(
                f"{place}: up to `{spec.text}`, which gives {shape}, one sample takes "
                f"{activations:,} activations; a network may have {MOST_ACTIVATIONS:,}"
            )
            return layers
    if not layers:
        return layers
    _check_size(config, layers, problems)
    last = config.model.layers[-1]
    if outputs is not None and shape != (outputs,):
        text = f"{last.where}: the last layer, `{last.text}`, must give ({outputs},), found {shape}"
        hint = f"; write `linear {outputs}`" if last.kind == "linear" and len(shape) == 1 else ""
        problems.append(text + hint + _flatten_hint(shape))
    loss = find_loss(config.train.loss)
    if loss is not None and loss.applies is not None and loss.applies.kind == last.kind:
        hint = f"{loss.kind} applies {last.kind} itself; remove the layer"
        problems.append(f"{last.where}: `{last.text}` would be applied twice: {hint}")
    _check_weights(config, layers, problems)
    return layers


def _close_block(config: Config, layers: list[Layer[Any]]) -> None:
    """Let the last layer, an `end`, and its `residual` know each other.

    Raises:
        ShapeError: they differ in shape.
    """
    from bpnet.nn.residual import link  # only networks with blocks load it

    end = len(layers) - 1
    start = next((start for start, last in link(layers).items() if last == end), end)
    added, shape = layers[start].output_shape, layers[end].input_shape
    if added != shape:
        where = config.model.layers[start].where
        raise ShapeError(f"`residual` in {where} adds {added} to it")


def _flatten_hint(shape: Shape) -> str:
    return "; put `flatten` at the end" if len(shape) > 1 else ""


def _check_size(config: Config, layers: list[Layer[Any]], problems: list[str]) -> None:
    """Note a network with too many parameters, at the line of its largest layer."""
    sizes = [sum(map(math.prod, layer.parameter_shapes.values())) for layer in layers]
    if sum(sizes) > MOST_PARAMETERS:
        largest = config.model.layers[sizes.index(max(sizes))]
        problems.append(
            f"{largest.where}: `{largest.text}` has {max(sizes):,} parameters; "
            f"a network may have {MOST_PARAMETERS:,} in all"
        )


def _check_weights(config: Config, layers: list[Layer[Any]], problems: list[str]) -> None:
    """Note every starting weight that no layer has or whose size is wrong."""
    shapes = {
        f"{position}.{role}": shape
        for position, layer in enumerate(layers, start=1)
        for role, shape in layer.parameter_shapes.items()
    }
    for name, values in config.weights.items():
        place = config.given.get(f"weights.{name}", "")
        if name not in shapes:
            known = shorten(", ".join(shapes) or "none", 300)
            unknown = f"[weights] {shorten(name, 80)} is not a parameter"
            problems.append(f"{place}: {unknown}; there are {known}")
        elif len(values) != math.prod(shapes[name]):
            problems.append(
                f"{place}: [weights] {name} has shape {shapes[name]} and takes "
                f"{math.prod(shapes[name])} numbers, found {len(values)}"
            )
