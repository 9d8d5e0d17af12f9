"""Show a network layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.checkpoints import described, newest_if_named, open_checkpoint
from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import A_CONFIG_OR_RUN, as_json, data_dir
from bpnet.cli.output import show, show_json
from bpnet.cli.tables import Table, show_parts
from bpnet.disk import DIRECTORY, what_is_at

if TYPE_CHECKING:
    from bpnet.nn.sequential import Sequential

CHECKPOINT_SUFFIX = ".npz"


@click.command(
    cls=BpnetCommand,
    examples={
        "summary lenet5": "a preset",
        "summary last": "the newest run",
    },
)
@click.argument("source", type=A_CONFIG_OR_RUN, metavar="CONFIG|PRESET|EXAMPLE|CHECKPOINT")
@data_dir
@as_json
def command(source: str, data_dir: Path | None, as_json: bool) -> None:
    """Show each layer's output shape, parameters, cost of a forward pass, and memory."""
    path = newest_if_named(Path(source))
    if what_is_at(path) == DIRECTORY or path.suffix == CHECKPOINT_SUFFIX:
        opened = open_checkpoint(path)
        if not as_json:
            show(f"checkpoint {described(opened.name, opened.epoch)}")
        network = opened.checkpoint.model().network
    else:
        network = load_network(source, data_dir)
    show_network(network, as_json=as_json)


def load_network(source: str, data_dir: Path | None) -> Sequential:
    """Return the network of a config, a preset or an example."""
    from bpnet.config.loading import load_config
    from bpnet.config.network import known_input_shape, known_outputs
    from bpnet.data.load import load_dataset
    from bpnet.model.model import build_network

    config = load_config(source)
    shape, outputs = known_input_shape(config), known_outputs(config)
    if shape is None or outputs is None:  # only the data themselves show them
        dataset = load_dataset(config, data_dir)
        shape, outputs = dataset.input_shape, len(dataset.class_names)
    return build_network(config, shape, outputs)


def show_network(network: Sequential, *, as_json: bool) -> None:
    """Print the layer table."""
    layers = list(map(describe, network.layers))
    totals = {
        "parameters": sum(layer["parameters"] for layer in layers),
        "mflop": sum(layer["mflop"] for layer in layers),
    }
    plain = [
        {key: layer[key] for key in ("name", "output_shape", "parameters", "mflop")}
        for layer in layers
    ]
    if as_json:
        show_json({"layers": plain, **totals})
        return
    memory = sum(layer["kilobytes"] for layer in layers)
    rows = [(one["name"], shape_text(one["output_shape"]), *cost(**one)) for one in layers]
    rows.insert(0, ("input", shape_text(network.input_shape), "", "", ""))
    rows.append(("total", "", *cost(**totals, kilobytes=memory)))
    headers = ("layer", "output", "parameters", "MFLOP", "kB / sample")
    show_parts(Table(headers, rows, right=(2, 3, 4), least=(14, 14, 12, 8, 11)))


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as it stands in the table."""
    return " × ".join(map(str, shape))


def cost(parameters: int, mflop: float, kilobytes: float, **_: object) -> tuple[str, str, str]:
    """Return the figures of a layer, or of all together, as they stand in the table."""
    return f"{parameters:,}", f"{mflop:.3f}", f"{kilobytes:.1f}"


def describe(layer: Any) -> dict[str, Any]:
    """Return the figures of one layer; memory is what training reserves for one sample."""
    import numpy as np

    from bpnet.nn.memory import Memory, Room

    memory = Memory(np.float32, training=True)
    layer.allocate(Room(1, memory, wants_input_gradient=True))
    sizes = [int(np.prod(shape)) for shape in layer.parameter_shapes.values()]
    return {
        "name": layer.name,
        "output_shape": list(layer.output_shape),
        "parameters": sum(sizes),
        "mflop": 2 * layer.multiply_adds() / 1e6,
        "kilobytes": memory.reserved_bytes / 1000,
    }
