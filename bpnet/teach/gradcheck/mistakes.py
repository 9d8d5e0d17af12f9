"""Plant a known mistake in a backward pass, so that one can see how a check finds it."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from bpnet.errors import ConfigError
from bpnet.nn.facts import Mistake
from bpnet.nn.layer import Array, Layer
from bpnet.nn.loss import Loss
from bpnet.nn.sequential import Sequential


class MistakenPart:
    """Stand in for a layer or a loss: forward as it does, backward with a mistake."""

    def __init__(self, part: Any, mistake: Mistake) -> None:
        self._part = part
        self._mistake = mistake

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    def backward(self, *arguments: Any) -> Array:
        """Return the gradient of what comes in, with the mistake."""
        gradient: Array = self._mistake.backward(self._part, *arguments)
        return gradient


def plant_mistake(network: Sequential, name: str) -> Mistake:
    """Let the layer of that name, or the loss, go wrong; return what it does wrong.

    Args:
        network: of plain stages.
        name: such as `2.relu` or `mse`; the kind is enough where there is one layer of it.
            `3.batchnorm:2` is the second mistake that is known of a layer.

    Raises:
        ConfigError: there is no such layer, loss or mistake, or there are several such layers.
    """
    wanted, colon, place = name.partition(":")
    found = [
        number
        for number, layer in enumerate(network.layers)
        if wanted in (layer.name, layer.kind, layer.name.partition(".")[0])
    ]
    if wanted == network.loss.kind:
        mistake = _known_mistake(network.loss, wanted, place if colon else "1", name)
        network.loss = cast(Any, MistakenPart(network.loss, mistake))
        return mistake
    if len(found) != 1:
        raise ConfigError(
            f"{'several layers are' if found else 'no layer is'} called that",
            where="--sabotage",
            expected="one of "
            + ", ".join([*(layer.name for layer in network.layers), network.loss.kind]),
            found=name,
        )
    stage, layer = network.stages[found[0]], network.layers[found[0]]
    mistake = _known_mistake(layer, layer.name, place if colon else "1", name)
    broken = cast(Any, MistakenPart(stage.layer, mistake))
    network.stages[found[0]] = dataclasses.replace(stage, layer=broken)
    return mistake


def known_mistakes(part: Layer[Any] | Loss) -> dict[str, Mistake]:
    """Return the mistakes that are known of a layer or a loss, by their numbers from 1."""
    mistakes = enumerate((part.mistake, *part.other_mistakes), start=1)
    return {str(place): mistake for place, mistake in mistakes}


def _known_mistake(part: Layer[Any] | Loss, title: str, place: str, given: str) -> Mistake:
    """Return one of them.

    Raises:
        ConfigError: there is none of that number.
    """
    known = known_mistakes(part)
    if place not in known:
        raise ConfigError(
            f"no such mistake of {title} is known",
            where="--sabotage",
            expected=" or ".join(f"{title}:{number} ({one.text})" for number, one in known.items()),
            found=given,
        )
    return known[place]
