"""Show a network layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.checkpoints import described, newest_if_named, open_checkpoint
from bpnet.cli.options import ConfigCommand, as_json, data_dir
from bpnet.cli.output import show, show_json, terminal_width
from bpnet.disk import DIRECTORY, what_is_at
from bpnet.narrow import fitted

if TYPE_CHECKING:
    from bpnet.nn.sequential import Sequential

CHECKPOINT_SUFFIX = ".npz"


@click.command(
    cls=ConfigCommand, short_help="Show each layer's shape, parameters, cost and memory."
)
@click.argument("source", metavar="CONFIG|PRESET|EXAMPLE|CHECKPOINT")
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
    row = "{:<16}{:<16}{:>12}{:>10}{:>13}".format
    headings = ("layer", "output", "parameters", "MFLOP", "kB / sample")
    rows = [("input", " × ".join(map(str, network.input_shape)), "", "", "")]
    for layer in layers:
        shape = " × ".join(map(str, layer["output_shape"]))
        cost = f"{layer['mflop']:.3f}"
        memory = f"{layer['kilobytes']:.1f}"
        rows.append((layer["name"], shape, f"{layer['parameters']:,}", cost, memory))
    memory = f"{sum(layer['kilobytes'] for layer in layers):.1f}"
    rows.append(("total", "", f"{totals['parameters']:,}", f"{totals['mflop']:.3f}", memory))
    lines = [row(*headings), *(row(*fields) for fields in rows)]
    show(*fitted(lines, headings, rows, terminal_width()))


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
