"""Share options and words between commands."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from bpnet.cli.command import MissingWordError
from bpnet.errors import ConfigError
from bpnet.machine import UNKNOWN

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
MOST_VIEWS = 100
CONFIG = "FILE|PRESET|EXAMPLE"
Function = TypeVar("Function", bound=Callable[..., Any])


class PathType(click.Path):
    """Take any path as it is given: who opens it says what is wrong with it.

    Args:
        suffixes: of the files that are offered to complete a word; without any, all files are.
        folders: offer folders alone.
    """

    def __init__(self, *suffixes: str, folders: bool = False) -> None:
        super().__init__()
        self.suffixes, self.folders = suffixes, folders

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; click itself would look at it, and fail at names that no file has."""
        return Path(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer what lies where the word leads."""
        from bpnet.cli.offers import paths

        return paths(incomplete, () if self.folders else self.suffixes or None)


class Offered(click.types.StringParamType):
    """Take any text, and offer what may complete it.

    Args:
        name: of the function in `bpnet/cli/offers.py` that returns what may complete a word.
    """

    def __init__(self, name: str) -> None:
        self.offer = name

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer what may complete the word."""
        from bpnet.cli import offers

        found: list[CompletionItem] = getattr(offers, self.offer)(incomplete)
        return found


PATH = PathType()
FOLDER = PathType(folders=True)
A_CONFIG = Offered("configs")
A_CONFIG_OR_RUN = Offered("configs_and_runs")
A_SETTING = Offered("settings")
A_NAME = Offered("names")
A_DATASET = Offered("datasets")
WORKERS = Offered("workers")
PICTURES = Offered("pictures")
data_dir = click.option(
    "--data-dir",
    type=FOLDER,
    metavar="DIR",
    help="Directory of the data sets; else BPNET_DATA_DIR, else the user's cache directory.",
)
with_settings = click.option(
    "--set",
    "overrides",
    type=A_SETTING,
    metavar="SECTION.KEY=VALUE",
    multiple=True,
    help="Change one setting; may be given several times.",
)
split = click.option(
    "--split",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
    help="Samples to score.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
dataset = click.option(
    "--dataset",
    "chosen",
    type=A_DATASET,
    metavar="NAME|DIR",
    help="Data set: mnist, fashion_mnist, synthetic, the name of an imported one, or a folder of "
    "IDX files; default: that of the config.",
)
mirror = click.option(
    "--mirror", metavar="URL", help="Address to download from first; else BPNET_MIRROR."
)
views = click.option(
    "--views",
    type=click.IntRange(1, MOST_VIEWS),
    default=1,
    show_default=True,
    metavar="N",
    help="Show each picture N times, as it is and N − 1 times slightly shifted, turned and "
    "scaled, and average the probabilities.",
)


def no_nan(context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Refuse nan, which passes any check of bounds: every comparison with it is false."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is not a fraction.", context, option)
    return value


def only_one(**forms: bool) -> str:
    """Return the form of output that was asked for, else `text`.

    Raises:
        ConfigError: there are several.
    """
    chosen = [form for form, is_chosen in forms.items() if is_chosen]
    if len(chosen) > 1:
        raise ConfigError(
            "answers are written in one form",
            expected="one of --json, --jsonl and --csv",
            found=" ".join(f"--{form}" for form in chosen),
        )
    return chosen[0] if chosen else "text"


def with_config(explanation: str, *, required: bool = False) -> Callable[[Function], Function]:
    """Give a command `source`: a config, as a plain word or after `--config`."""

    def nothing() -> None:
        if required:
            message = f"name a config, {CONFIG}: a plain word, or after --config."
            raise MissingWordError(message, click.get_current_context())

    return _both_ways("source", explanation, nothing, several=False)


def with_configs(explanation: str, default: tuple[str, ...]) -> Callable[[Function], Function]:
    """Give a command `sources`: configs, as plain words or each after `--config`."""
    explanation += f"; may be given several times. [default: {', '.join(default)}]"
    return _both_ways("sources", explanation, lambda: default, several=True)


def _both_ways(
    name: str, explanation: str, otherwise: Callable[[], Any], *, several: bool
) -> Callable[[Function], Function]:
    """Let a command take configs as plain words or after `--config`, but not both ways at once."""
    metavar = f"[{CONFIG}]{'...' * several}"

    def decorate(function: Function) -> Function:
        @click.argument(
            "words", nargs=-1 if several else 1, required=False, metavar=metavar, type=A_CONFIG
        )
        @click.option(
            "--config", "named", type=A_CONFIG, metavar=CONFIG, multiple=several, help=explanation
        )
        @functools.wraps(function)
        def called(words: Any, named: Any, **given: Any) -> Any:
            if words and named:
                message = "a config is a plain word or follows --config: give it one way."
                raise click.UsageError(message)
            return function(**given, **{name: words or named or otherwise()})

        return cast(Function, called)

    return decorate


def command_line(*words: object) -> str:
    """Return a command that the user can paste, with the path by which bpnet was called."""
    from bpnet.cli.shell_words import joined

    called = Path(sys.argv[0])
    program = [sys.executable, "-m", "bpnet"] if called.name == "__main__.py" else [str(called)]
    return joined([*program, *map(str, words)])


def as_on(processor: str) -> str:
    """Return what a command begins with to compute as on another processor.

    OpenBLAS obeys where this one has the other's instructions; other libraries name no kernel.
    """
    from bpnet.cli.shell_words import with_variables

    kernel = processor.partition(" ")[0]
    sizes = {"BPNET_PROCESSOR": processor}
    return with_variables(sizes if kernel == UNKNOWN else {"OPENBLAS_CORETYPE": kernel} | sizes)


def averaged_over(count: int) -> str:
    """Return the words that name views in a text."""
    return f"averaged over {count} views"
