"""List what has been trained, compare it, export it, and note what it was for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import runs_compare, runs_export, runs_note
from bpnet.cli.command import BpnetGroup
from bpnet.cli.options import FOLDER, as_json, command_line, no_nan
from bpnet.cli.other_commands import OTHER_SUBCOMMANDS
from bpnet.cli.output import note, show_json
from bpnet.cli.runs_text import duration, size, when
from bpnet.cli.tables import show_table
from bpnet.errors import counted
from bpnet.library.figures import percent
from bpnet.library.opening import RUNS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from bpnet.runs.entry import RunEntry
    from bpnet.runs.listing import Listing

SORT_KEYS = (  # bpnet.runs.listing.SORT_KEYS, repeated to keep `--help` fast
    *("started", "name", "config", "dataset", "seed", "epochs"),
    *("validation", "test", "seconds", "size", "state", "note"),
)
STATES = (  # bpnet.runs.entry.STATES, likewise
    *("finished", "interrupted", "running", "stopped", "diverged", "imported", "damaged"),
)
HEADERS = (
    *("run", "config", "seed", "epochs", "validation", "test"),
    *("started", "took", "size", "state", "note"),
)
NUMBERS = (2, 3, 4, 5, 7, 8)  # columns
SPARE = (8, 2, 1, 6, 9, 7)  # likewise: the first is missed least
LONGEST_NOTE = 40  # characters of one in the table


def is_meant(word: str, rest: list[str]) -> bool:
    """Return whether a word that is no folder is meant as a command, as in `runs show last`."""
    from bpnet.disk import NOTHING, what_is_at

    if not word or word.startswith("-") or what_is_at(Path(word)) != NOTHING:
        return False
    return word in OTHER_SUBCOMMANDS["runs"] or not all(one.startswith("-") for one in rest[:1])


class RunsGroup(BpnetGroup):
    """Take the word after `runs` as a command where there is one of that name, else as a folder."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let `bpnet runs [FOLDER]` mean `bpnet runs list [FOLDER]`."""
        word, *rest = args or [""]
        asks_for_help = word in ctx.help_option_names
        is_completed = not args and ctx.resilient_parsing  # either may follow
        if not (asks_for_help or is_completed or word in self.commands or is_meant(word, rest)):
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands, and what the list takes."""
        from bpnet.cli.offers import paths, without_doubles

        listed = self.commands["list"].shell_complete(ctx, incomplete)
        found = [*super().shell_complete(ctx, incomplete), *listed, *paths(incomplete, ())]
        return without_doubles(found)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both ways of calling it."""
        formatter.write_usage(ctx.command_path, "[FOLDER] [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", prefix=" " * 7)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the list above the other commands."""
        self.commands["list"].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples of both ways."""
        self.commands["list"].format_epilog(ctx, formatter)


@click.group(name="runs", cls=RunsGroup)
def command() -> None:
    """List the runs below FOLDER (default: runs), or those that the options choose."""


@command.command(
    name="list",
    hidden=True,
    examples={
        "runs": "all runs below runs",
        "runs --config lenet5 --sort validation": "those of one config, the best first",
        "runs experiments --finished --json": "finished ones in another folder",
        "runs compare last best": "what differs",
        "runs export -o runs.csv": "a table of all",
    },
)
@click.argument("folder", type=FOLDER, required=False, metavar="[FOLDER]")
@click.option(
    "--sort",
    "key",
    type=click.Choice(SORT_KEYS),
    default="started",
    show_default=True,
    metavar="KEY",
    help=f"One of {', '.join(SORT_KEYS)}: the newest, the best or largest first, "
    "names from A to Z.",
)
@click.option("--reverse", is_flag=True, help="Turn the order round.")
@click.option(
    "--config", "configs", multiple=True, metavar="NAME", help="Only runs of this preset or config."
)
@click.option("--dataset", "datasets", multiple=True, metavar="NAME", help="Only runs on this one.")
@click.option(
    "--seed", "seeds", multiple=True, type=click.IntRange(min=0), metavar="N", help="Only these."
)
@click.option("--finished", is_flag=True, help="Only finished runs.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(STATES),
    metavar="STATE",
    help=f"Only runs in this state: {', '.join(STATES)}.",
)
@click.option(
    "--note", "word", metavar="WORD", help="Only runs in whose note this stands, in any case."
)
@click.option(
    "--min-accuracy",
    type=click.FloatRange(0, 1),
    callback=no_nan,
    metavar="P",
    help="Only runs with this validation accuracy, or more; test where nothing was held out.",
)
@as_json
def list_command(
    folder: Path | None,
    key: str,
    reverse: bool,
    configs: tuple[str, ...],
    datasets: tuple[str, ...],
    seeds: tuple[int, ...],
    finished: bool,
    states: tuple[str, ...],
    word: str | None,
    min_accuracy: float | None,
    as_json: bool,
) -> None:
    """List the runs below a folder."""
    from bpnet.runs.listing import Wanted, sort_runs
    from bpnet.runs.table import row_of

    if finished and states:
        raise click.UsageError("--finished is --state finished: give one of them.")
    listing = listed_below(folder)
    wanted = Wanted(
        configs, datasets, seeds, ("finished",) if finished else states, word, min_accuracy
    )
    runs = sort_runs([run for run in listing.runs if wanted(run)], key, reverse=reverse)
    left_out = len(listing.runs) - len(runs)
    if as_json:
        show_json(
            {
                "folder": str(listing.folder),
                "runs": [row_of(run) for run in runs],
                "left_out": left_out,
                "other_folders": [str(path) for path in listing.others],
            }
        )
        return
    if runs:
        show_table(HEADERS, [cells(run) for run in runs], right=NUMBERS, spare=SPARE)
    tell_rest(listing, runs, left_out)


def listed_below(folder: Path | None) -> Listing:
    """Return the runs below a folder; before the first one, there is no folder to be missed.

    Raises:
        CheckpointError: there is no such folder.
    """
    from bpnet.disk import NOTHING, what_is_at
    from bpnet.runs.listing import Listing, list_runs

    if folder is None and what_is_at(RUNS) == NOTHING:
        return Listing(RUNS.absolute(), [], [])
    return list_runs(folder or RUNS)


def cells(run: RunEntry) -> list[str]:
    """Return what the table shows of a run; – stands for what is not known."""
    epochs = "–" if run.epochs is None else f"{run.epochs}/{run.planned or '?'}"
    written = " ".join((run.note or "").split())
    shown = written if len(written) <= LONGEST_NOTE else f"{written[: LONGEST_NOTE - 1]}…"
    return [
        run.name,
        run.config or "–",
        "–" if run.seed is None else str(run.seed),
        epochs,
        score(run, "validation"),
        score(run, "test"),
        when(run.started),
        duration(run.seconds),
        size(run.bytes),
        run.state,
        shown,
    ]


def score(run: RunEntry, samples: str) -> str:
    """Return an accuracy, or the mean squared error or loss where targets are numbers."""
    scores: Any = run.scores
    if (accuracy := scores.get(f"{samples}_accuracy")) is not None:
        return percent(accuracy)
    if (error := scores.get(f"{samples}_mse")) is not None:
        return f"mse {error:.4g}"
    loss = scores.get(f"{samples}_loss")
    return "–" if loss is None else f"loss {loss:.4g}"


def tell_rest(listing: Listing, runs: list[RunEntry], left_out: int) -> None:
    """Write to standard error what the table does not show, and what went wrong with which run."""
    for run in runs:
        if run.problem is not None and run.state != "stopped":
            note(f"{run.name}{' is damaged' * (run.state == 'damaged')}: {run.problem}")
    if not listing.runs:
        note(f"there is no run in {listing.folder}; to make one:")
        note(f"  {command_line('train', 'quickstart')}")
    elif left_out:
        note(f"{counted(left_out, 'other run', 'other runs')} in {listing.folder}")
    if listing.others:
        folders = counted(len(listing.others), "folder that holds", "folders that hold")
        note(f"{folders} no run: {', '.join(path.name for path in listing.others[:5])}"
             + (", …" if len(listing.others) > 5 else ""))  # fmt: skip


for subcommand in (runs_compare.command, runs_export.command, runs_note.command):
    command.add_command(subcommand)
