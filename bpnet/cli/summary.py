"""Show a network layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpnet.cli.checkpoints import open_checkpoint
from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import A_CONFIG_OR_RUN, as_json, data_dir
from bpnet.cli.output import note, show, show_json
from bpnet.cli.tables import show_parts
from bpnet.disk import DIRECTORY, what_is_at
from bpnet.library.opening import described, named_unless_config

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
    path = named_unless_config(source, note)
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
    from bpnet.library.layer_table import LayerTable

    table = LayerTable.of(network)
    if as_json:
        show_json(table.document())
    else:
        show_parts(table.table())
