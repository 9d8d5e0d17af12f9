"""Show every number of the first training steps of a small network."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpnet.cli.options import PATH, ConfigCommand, as_json, data_dir, mirror, with_settings
from bpnet.cli.output import note, show, show_json, shown
from bpnet.config.presets import describe, example_paths, find_config, preset_paths
from bpnet.teach.trace.selection import PARTS, select

if TYPE_CHECKING:
    from bpnet.config.settings import Config
    from bpnet.teach.trace.step_trace import StepTrace

NARROWEST = 32  # columns of the narrowest page


@click.command(
    cls=ConfigCommand, short_help="Show every number of a small network's first training steps."
)
@click.argument("source", metavar="FILE|PRESET|EXAMPLE")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="How many training steps to show; a shorter run is made longer.",
)
@click.option(
    "--only",
    "parts",
    type=click.Choice(PARTS),
    multiple=True,
    help="Show this part of each step; may be given several times.",
)
@click.option(
    "--weight",
    metavar="NAME",
    help="Show the paths of this weight, beside what --only and --brief show: '1.weight[2,1]'.",
)
@click.option("--brief", is_flag=True, help="Show values and gradients without formulas and paths.")
@click.option(
    "--html",
    "page",
    type=PATH,
    metavar="FILE.html",
    help="Write a page there instead: the network drawn, a slider through the step, paths to "
    "click; needs Jinja2 (pip install jinja2).",
)
@click.option("--open", "opens", is_flag=True, help="Open the page of --html in the browser.")
@click.option("--latex", is_flag=True, help="Print a derivation for LaTeX (amsmath) instead.")
@with_settings
@data_dir
@mirror
@as_json
def command(
    source: str,
    steps: int,
    parts: tuple[str, ...],
    weight: str | None,
    brief: bool,
    page: Path | None,
    opens: bool,
    latex: bool,
    overrides: tuple[str, ...],
    data_dir: Path | None,
    mirror: str | None,
    as_json: bool,
) -> None:
    """Show every number of the first training steps of a small network.

    Forward values, loss, local derivatives, the chain rule's products on the way back, gradients
    and updates, with their formulas; the four equations of backpropagation, and every path from a
    weight to the loss. The steps are those that training takes, in float64 and as one shard.

    Samples and places, as in 1.weight[2,1] (row 2, column 1), are counted from 1. Large arrays are
    summarised; --json prints all their numbers. A small convolutional network, such as
    quickstart, needs --set train.batch_size=1.
    """
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.config.loading import load_config
    from bpnet.data.load import load_dataset
    from bpnet.teach.trace.trace import MOST_NUMBERS, MOST_ON_PAGE, trace

    is_part = bool(parts or weight or brief)
    forms = {"--json": as_json, "--html": page is not None, "--latex": latex}
    demand_one_form([option for option, is_given in forms.items() if is_given], is_part)
    if opens and page is None:
        raise click.UsageError("--open needs --html FILE.html")
    if page is not None:
        from bpnet.html.page import check_place, demand

        check_place(page, "--html")
        demand("--html", "jinja2")
    load = partial(load_dataset, data_dir=data_dir, mirror=mirror, progress=DownloadProgress())
    config = load_config(source, overrides)
    most = MOST_NUMBERS if page is None else MOST_ON_PAGE
    traced = trace(config, steps, load, most)
    if as_json:
        show_document(source, traced)
    elif page is not None:
        write_trace_page(page, source, config, traced, opens)
    elif latex:
        from bpnet.teach.trace.latex.document import latex_lines, leaves_out

        if leaves_out(traced):
            note("large arrays are left out of the derivation; --json has every number")
        show(*latex_lines(config, traced))
    else:
        from bpnet.cli.trace_text import trace_lines

        width = max(NARROWEST, shutil.get_terminal_size().columns)
        selection = select(traced, parts, weight, is_brief=brief)
        for line in trace_lines(traced, width, selection, shown):
            show(line)


def demand_one_form(forms: list[str], is_part: bool) -> None:
    """Refuse two forms of output at once, and a part of one that shows all.

    Raises:
        UsageError: that is asked for.
    """
    if len(forms) > 1:
        raise click.UsageError(f"choose one of {' and '.join(forms)}")
    if forms and is_part:
        raise click.UsageError(f"{forms[0]} shows all: leave out --only, --weight and --brief")


def write_trace_page(
    path: Path, source: str, config: Config, traced: list[StepTrace], opens: bool
) -> None:
    """Write the page of some steps, say where, and open it if that is wanted."""
    from bpnet.html.page import open_page, write_page
    from bpnet.teach.trace.page.page import trace_page

    is_known = source in example_paths() | preset_paths()
    about = describe(find_config(source)) if is_known else ""
    write_page(path, trace_page(source, about, config, traced), "--html")
    note(f"page: {path.absolute()}")
    if opens and not open_page(path):
        note("no browser was found: open the page in one")


def show_document(source: str, steps: list[StepTrace]) -> None:
    """Print all steps as one document."""
    from bpnet.teach.trace.as_json import as_json_values

    document = {"config": str(find_config(source).absolute()), "steps": as_json_values(steps)}
    show_json(document)
