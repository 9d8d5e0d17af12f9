"""List the presets and the worked examples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import as_json, command_line
from bpnet.cli.output import show, show_json
from bpnet.cli.tables import show_table

ACCURACY = re.compile(r"(?:about )?(\d+(?:\.\d+)?)(?: ± [\d.]+)? %")
TIME = re.compile(r"\bin ((?:(?!\bin )[^;])*?) on two cores")


@click.command(
    cls=BpnetCommand,
    examples={"presets": "as tables", "presets --json": "for programs"},
)
@as_json
def command(as_json: bool) -> None:
    """List the presets, with what each is expected to reach, and the worked examples.

    Both stand wherever a command takes a config. Accuracy (of the test set) and time were measured
    as the file of each preset says, which `bpnet config PRESET` shows.
    """
    from bpnet.config.presets import example_paths, preset_paths

    presets = [describe(name, path) for name, path in preset_paths().items()]
    examples = [describe(name, path) for name, path in example_paths().items()]
    if as_json:
        show_json({"presets": presets, "examples": examples})
        return
    headers = ("preset", "parameters", "accuracy", "time", "what it is")
    show_table(headers, [row(preset) for preset in presets], right=(1, 2))
    show("")
    show_table(
        ("example", "parameters", "what it shows"),
        [(one["name"], f"{one['parameters']:,}", one["description"]) for one in examples],
        right=(1,),
    )
    show("", "next:", f"  {command_line('train', 'quickstart')}")


def describe(name: str, path: Path) -> dict[str, Any]:
    """Return what a config's comment says of it, and the size of its network."""
    from bpnet.config.loading import load_config, read_text
    from bpnet.config.presets import opening_comment

    comment = opening_comment(read_text(path))
    told = " ".join(comment[1:])
    accuracy, time = ACCURACY.match(told), TIME.search(told)
    return {
        "name": name,
        "description": comment[0] if comment else "",
        "parameters": count_parameters(load_config(str(path))),
        "accuracy": round(float(accuracy[1]) / 100, 6) if accuracy else None,
        "time": time[1].rpartition(", ")[2] if time else None,
        "path": str(path.absolute()),
    }


def count_parameters(config: Any) -> int | None:
    """Return how many numbers a network learns; None where only its data show it."""
    import math

    from bpnet.config.network import build_layers, known_input_shape, known_outputs

    shape = known_input_shape(config)
    if shape is None:
        return None
    layers = build_layers(config, shape, known_outputs(config), [])
    return sum(math.prod(shape) for layer in layers for shape in layer.parameter_shapes.values())


def row(preset: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of a preset."""
    accuracy, parameters = preset["accuracy"], preset["parameters"]
    return (
        preset["name"],
        "" if parameters is None else f"{parameters:,}",
        "" if accuracy is None else f"{100 * accuracy:g} %",
        preset["time"] or "",
        preset["description"],
    )
