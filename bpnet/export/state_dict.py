"""Name a network's arrays as PyTorch's `state_dict` does.

A chain of layers is an `nn.Sequential`, whose modules are numbered from 0: bpnet's `1.weight` is
`0.weight` there. A residual block is one module of the chain, and the layers in it are numbered
from 0 again: `3.0.weight`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Layer
from bpnet.nn.sequential import Sequential

ROLES = {"running_variance": "running_var"}  # what PyTorch calls otherwise
COUNTER = "num_batches_tracked"  # which PyTorch keeps besides, and inference never reads


def module_names(layers: Sequence[Layer[Any]]) -> list[str]:
    """Return the name of each layer's module; of an `end`, that of its block."""
    names: list[str] = []
    blocks: list[str] = []  # those that are open
    counts = [0]  # of the modules in the chain, and in each open block
    for layer in layers:
        if layer.kind == "end":
            counts.pop()
            names.append(blocks.pop())
            continue
        names.append(".".join([*blocks[-1:], str(counts[-1])]))
        counts[-1] += 1
        if layer.kind == "residual":
            blocks.append(names[-1])
            counts.append(0)
    return names


def array_names(layers: Sequence[Layer[Any]]) -> dict[str, str]:
    """Return PyTorch's name for each parameter and running statistic, by bpnet's, in order."""
    return {
        f"{position}.{role}": f"{module}.{ROLES.get(role, role)}"
        for position, (layer, module) in enumerate(
            zip(layers, module_names(layers), strict=True), start=1
        )
        for role in (*layer.parameter_shapes, *layer.state_shapes)
    }


def state_dict(network: Sequential) -> dict[str, NDArray[Any]]:
    """Return a network's arrays by PyTorch's names, and in its shapes, which are bpnet's."""
    views = network.parameters.views | network.state.views
    arrays: dict[str, NDArray[Any]] = {
        theirs: np.ascontiguousarray(views[ours])
        for ours, theirs in array_names(network.layers).items()
    }
    for layer, module in zip(network.layers, module_names(network.layers), strict=True):
        if layer.state_shapes:
            arrays[f"{module}.{COUNTER}"] = np.zeros((), dtype=np.int64)
    return arrays
