"""Show every number of the first training steps of a small network."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import click

from bpnet.cli.options import as_json
from bpnet.presets import describe, example_paths, find_config

if TYPE_CHECKING:
    from bpnet.teach.step_trace import StepTrace

NARROWEST = 80  # columns of the narrowest page


class ExampleCommand(click.Command):
    """List the worked examples below the options of a command that takes one."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples with one line each."""
        examples = example_paths()
        if examples:
            with formatter.section("Examples"):
                formatter.write_dl([(name, describe(path)) for name, path in examples.items()])


@click.command(cls=ExampleCommand)
@click.argument("source", metavar="FILE|EXAMPLE")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="How many training steps to show.",
)
@click.option(
    "--set",
    "overrides",
    metavar="SECTION.KEY=VALUE",
    multiple=True,
    help="Change one setting; may be given several times.",
)
@as_json
def command(source: str, steps: int, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show every number of the first training steps of a small network.

    Forward values, loss, local derivatives, the chain rule's products on the way back, gradients
    and updates, with their formulas; the four equations of backpropagation, and every path from a
    weight to the loss. The steps are those that training takes, in float64 and in one part.

    Samples and places, as in 1.weight[2,1] (row 2, column 1), are counted from 1.
    """
    from bpnet.load_config import load_config
    from bpnet.teach.trace import trace

    traced = trace(load_config(source, overrides), steps)
    if as_json:
        show_json(source, traced)
    else:
        from bpnet.cli.trace_text import trace_lines

        width = max(NARROWEST, shutil.get_terminal_size().columns)
        for line in trace_lines(traced, width):
            click.echo(line)


def show_json(source: str, steps: list[StepTrace]) -> None:
    """Print all steps as one document."""
    from bpnet.teach.plain import plain

    document = {"config": str(find_config(source).absolute()), "steps": plain(steps)}
    click.echo(json.dumps(document, indent=2, allow_nan=False))
