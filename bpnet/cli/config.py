"""Write a config with every setting explained, or explain settings and layers."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.command import BpnetCommand
from bpnet.cli.narrow import fitted_text
from bpnet.cli.options import A_CONFIG, A_NAME, PathType, as_json, command_line
from bpnet.cli.output import encoding_of, note, show, show_json
from bpnet.cli.tables import show_table
from bpnet.disk import NOTHING, reason, remedy, what_is_at
from bpnet.errors import ConfigError

if TYPE_CHECKING:
    from bpnet.config.explanation import Explained, LayerFacts, SettingFacts

ALL = "all"  # of `--explain` without a name
DEFAULTS = "a small convolutional network on MNIST: the defaults of all settings"
MARKS = "Below, `;key = value` shows a default: take the `;` away to change it."


@click.command(
    cls=BpnetCommand,
    examples={
        "config mlp": "a preset, every setting explained",
        "config mlp -o my.ini": "as a file, which `bpnet train my.ini` takes",
        "config --explain": "all settings and layers in a table",
        "config --explain optimizer.learning_rate": "one setting",
        "config --explain conv": "a layer and its values",
    },
)
@click.argument("source", required=False, type=A_CONFIG, metavar="[FILE|PRESET|EXAMPLE]")
@click.option(
    "-o",
    "--output",
    type=PathType(".ini"),
    metavar="FILE.ini",
    help="Write the config there instead of printing it.",
)
@click.option(
    "--explain",
    "name",
    type=A_NAME,
    is_flag=False,
    flag_value=ALL,
    metavar="[NAME]",
    help="Explain a setting (SECTION.KEY or KEY), a section or a layer; without NAME, list all.",
)
@as_json
def command(source: str | None, output: Path | None, name: str | None, as_json: bool) -> None:
    """Write a config with every setting explained, or explain settings and layers.

    The config holds the settings of a preset, a worked example or a file, else the defaults. All
    other keys stand in it as comments, with their defaults, so it reads back to the same settings.
    """
    if name is None:
        if as_json:
            raise click.UsageError("--json goes with --explain; a config is a text.")
        write_config(source, output)
        return
    if source is not None or output is not None:
        raise click.UsageError("--explain takes the name of a setting, and no config.")
    from bpnet.config.explanation import Explained, all_layers, all_settings, explain

    everything = name == ALL
    found = Explained(tuple(all_settings()), tuple(all_layers())) if everything else explain(name)
    if as_json:
        show_json(document(found))
    else:
        show_explained(found)


def write_config(source: str | None, output: Path | None) -> None:
    """Print a config as a template, as for `-o -`, or write it to a new file."""
    text = template(source)
    if output is None or str(output) == "-":
        lines = [shown(line) for line in text.rstrip("\n").split("\n")]
        show(*lines)
        if not is_utf8() and not all(map(str.isascii, lines)):
            note("warning: the encoding of the output loses names of this config; -o keeps them")
        return
    if (found := what_is_at(output)) != NOTHING:
        raise ConfigError(
            "the config would replace something",
            where=output,
            expected="the path of a new file",
            found=found,
            hint="choose another name for -o",
        )
    from bpnet.files import demand_place, write_text

    demand_place(output, "config", ConfigError)
    try:
        write_text(output, text)
    except OSError as error:
        raise ConfigError(
            "the config cannot be written",
            where=output,
            found=reason(error),
            hint=remedy(error, "choose another place with -o"),
        ) from error
    note(f"config: {output}", f"train with it: {command_line('train', output)}")


def template(source: str | None) -> str:
    """Return a config, or the defaults, as a text with comments."""
    from bpnet.config.loading import load_config, read_text
    from bpnet.config.presets import find_config, opening_comment
    from bpnet.config.settings import Config
    from bpnet.config.template import format_template

    if source is None:
        return format_template(Config(), [DEFAULTS, "", MARKS])
    comment = opening_comment(read_text(find_config(source)))
    return format_template(load_config(source), [*comment, "", MARKS])


def shown(line: str) -> str:
    """Return a line; a comment in ASCII where output is not UTF-8, as which configs are read."""
    from bpnet.cli.plain_signs import plain

    if is_utf8() or not line.startswith(";"):
        return line
    return plain(line, "ascii").encode("ascii", "replace").decode()


def is_utf8() -> bool:
    """Return whether standard output writes UTF-8."""
    return codecs.lookup(encoding_of(sys.stdout)).name == "utf-8"


def show_explained(found: Explained) -> None:
    """Show one setting or layer line by line, several in tables."""
    if found.note:
        show(found.note, "")
    if len(found.settings) == 1:
        show_setting(found.settings[0])
    elif found.settings:
        rows = [(one.name, short(one.default), one.takes, one.meaning) for one in found.settings]
        show_table(("setting", "default", "takes", "meaning"), rows)
    for layer in found.layers if len(found.layers) == 1 else ():
        show_layer(layer, below=bool(found.settings))
    if len(found.layers) > 1:
        show("")
        kinds = [(layer.usage, layer.meaning) for layer in found.layers]
        show_table(("layer", "meaning"), kinds)


def show_setting(facts: SettingFacts) -> None:
    """Show everything about a setting."""
    section, _, key = facts.name.partition(".")
    from bpnet.config.other_names import example

    value = example(facts.name)
    lines = {
        "takes": facts.takes,
        "default": facts.default or "none",
        "with": ", ".join(facts.goes_with),
        "used by": ", ".join(facts.used_by),
        "write": f"{key} = {value}, or --set {facts.name}={value}",
    }
    told = [f"  {name:8} {text}" for name, text in lines.items() if text]
    show(*fitted_text(f"{key} in [{section}]: {facts.meaning}", *told))


def show_layer(layer: LayerFacts, *, below: bool) -> None:
    """Show everything about a layer."""
    if below:
        show("")
    show(*fitted_text(f"{layer.usage}: {layer.meaning}"))
    if layer.options:
        rows = [(one.name, one.takes, one.default) for one in layer.options]
        show("")
        show_table(("value", "takes", "default"), rows)


def short(text: str) -> str:
    """Return a default as it stands in a table."""
    from bpnet.errors import shorten

    return shorten(text, 24)


def document(found: Explained) -> dict[str, Any]:
    """Return everything in plain values."""
    import dataclasses

    return {
        "settings": [dataclasses.asdict(one) for one in found.settings],
        "layers": [dataclasses.asdict(one) for one in found.layers],
    }
