"""Plant a known mistake in a backward pass, so that one can see how a check finds it."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from bpnet.errors import ConfigError
from bpnet.nn.facts import Mistake
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Sequential


class MistakenLayer:
    """Stand in for a layer: forward as it does, backward with a mistake."""

    def __init__(self, layer: Any, mistake: Mistake) -> None:
        self._layer = layer
        self._mistake = mistake

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def backward(self, grad_output: Array, cache: Any) -> Array:
        """Return the gradient of the input, with the mistake."""
        grad_input: Array = self._mistake.backward(self._layer, grad_output, cache)
        return grad_input


def plant_mistake(network: Sequential, name: str) -> Mistake:
    """Let the layer of that name go wrong, and return what it does wrong.

    Args:
        network: of plain stages.
        name: such as `2.relu`; the kind is enough where there is one layer of it. `3.batchnorm:2`
            is the second mistake that is known of a layer.

    Raises:
        ConfigError: there is no such layer or mistake, or there are several such layers.
    """
    given = name
    name, colon, place = name.partition(":")
    names = [layer.name for layer in network.layers]
    found = [
        number
        for number, layer in enumerate(network.layers)
        if name in (layer.name, layer.kind, layer.name.partition(".")[0])
    ]
    if len(found) != 1:
        raise ConfigError(
            f"{'several layers are' if found else 'no layer is'} called that",
            where="--sabotage",
            expected="one of " + ", ".join(names),
            found=given,
        )
    number = found[0]
    layer = network.layers[number]
    known = dict(enumerate((layer.mistake, *layer.other_mistakes), start=1))
    mistake = known.get(int(place) if place.isdecimal() else 0) if colon else layer.mistake
    if mistake is None:
        raise ConfigError(
            f"no such mistake of {layer.name} is known",
            where="--sabotage",
            expected=" or ".join(
                f"{layer.name}:{place} ({one.text})" for place, one in known.items()
            ),
            found=given,
        )
    stage = network.stages[number]
    broken = cast(Any, MistakenLayer(stage.layer, mistake))
    network.stages[number] = dataclasses.replace(stage, layer=broken)
    return mistake
