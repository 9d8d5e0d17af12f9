"""Write a trained network for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpnet.cli.checkpoints import CHECKPOINT, open_checkpoint
from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import PathType, as_json
from bpnet.cli.output import note, show, show_json

if TYPE_CHECKING:
    from bpnet.export.formats import Export
    from bpnet.model.model import Model


@click.command(
    cls=BpnetCommand,
    examples={
        "export digits -o digits.onnx": "for ONNX Runtime",
        "export last -o weights.safetensors": "for PyTorch",
        "export digits -o web": "a folder for a web server",
    },
)
@click.argument("checkpoint", type=CHECKPOINT, metavar="CHECKPOINT|RUN_DIR")
@click.option(
    "-o",
    "--output",
    type=PathType(".onnx", ".safetensors", ".json"),
    required=True,
    metavar="FILE.onnx|FILE.safetensors|FILE.json|DIR",
    help="Where to write it; its end says in which format.",
)
@as_json
def command(checkpoint: Path, output: Path, as_json: bool) -> None:
    """Write a network for other tools, in the format that the name after -o ends in.

    .onnx: a graph from pictures to probabilities (needs the package onnx). .safetensors: weights
    under PyTorch's names (needs the package safetensors). .json: a network of sigmoids, as the
    textbook's program saves its own. A folder: a web page on which the network reads what is drawn.

    A file of that name is replaced. `bpnet import` reads .safetensors and .json again.
    """
    from bpnet.cli.report import name_of
    from bpnet.export.formats import format_at, make_export
    from bpnet.model.checkpoint import demand_finite

    format_at(output)  # before anything is read
    opened = open_checkpoint(checkpoint)
    model = opened.checkpoint.model(fast=False)
    demand_finite(_largest(model), opened.checkpoint.path)
    export = make_export(model, output, name_of(checkpoint))
    export.write()
    for warning in export.warnings:
        note(f"warning: {warning}")
    if as_json:
        show_json(document(export, opened.name, opened.warnings))
        return
    show(str(export.path.absolute()))
    note(*usage(export, model))


def _largest(model: Model) -> float:
    """Return the largest weight, which is not finite if any of them is not."""
    import numpy as np

    network = model.network
    return float(
        sum(np.abs(one.flat).max(initial=0) for one in (network.parameters, network.state))
    )


def document(export: Export, checkpoint: str, warnings: list[str]) -> dict[str, object]:
    """Return what was written, in plain values."""
    return {
        "checkpoint": checkpoint,
        "export": str(export.path.absolute()),
        "format": export.format,
        "files": [str(path.absolute()) for path in export.files],
        "bytes": sum(map(len, export.files.values())),
        "warnings": [*warnings, *export.warnings],
    }


def usage(export: Export, model: Model) -> list[str]:
    """Return lines that say how an export is used."""
    from bpnet.export import formats
    from bpnet.export.onnx.file import running_code
    from bpnet.export.pytorch_modules import loading_code

    file = export.path.name
    if export.format == formats.ONNX:
        return ["onnxruntime runs it:", *running_code(model, file).splitlines()]
    if export.format == formats.SAFETENSORS:
        return ["PyTorch loads it:", *loading_code(model, file).splitlines()]
    if export.format == formats.WEB:
        return ["open index.html in a browser, or put the folder on any web server"]
    return ["the textbook's program loads it by network2.load"]
