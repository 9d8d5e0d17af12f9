"""Describe a network in plain values, so that the page's script can run it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.placement import BOX, PICTURE
from bpnet.model.model import LEAST_SURE, Model
from bpnet.model.preparation import UPRIGHT, Preparation
from bpnet.nn.layer import Layer
from bpnet.report.canvas.numbers import as_text, fitting_bits, written

ROOM = 2_800_000  # characters of weights in a page that holds little else: it stays under 3 MB
LEAST_OF_DIGITS = 0.5  # probability below which a network that only knows digits is not sure
MNIST_FORM: dict[str, Any] = {  # for checkpoints that do not tell what their pictures look like
    "frame": [PICTURE, PICTURE],
    "box": [BOX, BOX],
    "centre": [PICTURE / 2, PICTURE / 2],
    "orientation": list(UPRIGHT),
    "paper": 0.0,
    "ink": 255.0,
    "by_mass": True,
    "keeps_aspect": True,
    "strokes": True,
    "like_mnist": True,
}
Example = tuple[str, NDArray[np.uint8]]  # name, and picture (height, width)


def obstacle(model: Model) -> str | None:
    """Return why nothing can be drawn for a network, or None."""
    parameters = model.network.parameters.flat
    if not model.reads_pictures or model.network.input_shape[0] != 1:
        return "it does not answer grey pictures with classes"
    if model.preparation is not None and model.preparation.paper is None:
        return "its training pictures have no plain background"
    if fitting_bits(parameters.size, ROOM) is None:
        return "it has too many weights for a page"
    if not np.isfinite(parameters).all():
        return "its weights are not finite"
    return None


def page_networks(
    models: Sequence[Model],
    names: Sequence[str],
    examples: Sequence[Sequence[Example]],
    room: int = ROOM,
) -> dict[str, Any]:
    """Return what `canvas.js` reads: networks for which there is no obstacle, as many as fit.

    Args:
        models: the networks.
        names: of each, as the reader chooses it.
        examples: of each: pictures that it may be shown by a button.
        room: characters for all weights.
    """
    sizes = np.cumsum([model.network.parameters.flat.size for model in models]).tolist()
    fitting = [fitting_bits(size, room) for size in sizes]  # ever fewer bits, then None
    count = sum(bits is not None for bits in fitting)
    bits = fitting[count - 1] if count else None
    several = list(zip(models, names, examples, strict=True))[:count]
    return {"networks": [page_network(*one, bits) for one in several if bits is not None]}


def page_network(model: Model, name: str, examples: Sequence[Example], bits: int) -> dict[str, Any]:
    """Return one network: how it sees and answers, its layers and their parameters."""
    normalization, loss = model.normalization, model.network.loss
    return {
        "name": name,
        "classes": list(model.class_names),
        "knows_others": model.knows_others,
        "bits": bits,
        "least_probability": LEAST_SURE if model.knows_others else LEAST_OF_DIGITS,
        "scale": normalization.scale,
        "offset": normalization.offset,
        "temperature": model.temperature,
        "meaning": loss.applies.kind if loss.applies else "positive",
        "form": form_of(model.preparation),
        "layers": [page_layer(layer, bits) for layer in model.network.layers],
        "examples": [{"label": label, "pixels": as_text(pixels)} for label, pixels in examples],
    }


def form_of(preparation: Preparation | None) -> dict[str, Any]:
    """Return how drawn ink becomes a picture like those of the training set."""
    if preparation is None:
        return MNIST_FORM
    form = {name: preparation.as_record()[name] for name in MNIST_FORM if name != "like_mnist"}
    like_mnist = preparation.is_placed_like_mnist
    if like_mnist:
        form |= {"box": [BOX, BOX], "keeps_aspect": True}
    return form | {"like_mnist": like_mnist}


def page_layer(layer: Layer[Any], bits: int) -> dict[str, Any]:
    """Return a layer: its kind, shapes, settings, parameters and running statistics."""
    settings = {
        option.argument: getattr(layer, option.argument)
        for option in layer.options
        if option.type is not bool and hasattr(layer, option.argument)
    }
    roles = (*layer.parameter_shapes, *layer.state_shapes)
    return settings | {
        "kind": layer.kind,
        "name": layer.name,
        "input_shape": list(layer.input_shape),
        "output_shape": list(layer.output_shape),
        "arrays": {role: written(getattr(layer, role), bits) for role in roles},
    }
