"""Fetch, import, check, draw or remove the data sets."""

from pathlib import Path

import click

from bpnet.cli import data_clean, data_import, data_info, options
from bpnet.cli.command import BpnetGroup
from bpnet.cli.output import show
from bpnet.config.values import LARGEST_SEED, MOST_DRAWN

KNOWN_NAMES = ["mnist", "fashion_mnist"]  # as in the catalogue, which is slower to import


@click.group(name="data", cls=BpnetGroup)
def command() -> None:
    """Fetch, import, check, draw or remove the data sets.

    Data sets are kept in the directory given by --data-dir or BPNET_DATA_DIR, in a folder named
    after the data set or in the directory itself; by default, in the user's cache directory.
    Files in a directory that you name are never overwritten; it must exist, unless `fetch` is
    asked to download into it.
    """


@command.command(
    short_help="Download what is missing.",
    examples={
        "data fetch": "MNIST, 11 MB",
        "data fetch fashion_mnist": "clothes instead of digits",
    },
)
@click.argument("name", type=click.Choice(KNOWN_NAMES), default="mnist")
@options.data_dir
@options.mirror
def fetch(name: str, data_dir: Path | None, mirror: str | None) -> None:
    """Download what is missing of a data set (default: mnist), and check all of it.

    A directory given by --data-dir or BPNET_DATA_DIR is made if it does not exist. All other
    commands take it for a typing error.
    """
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.data.files.catalogue import KNOWN
    from bpnet.data.files.directory import make_data_directory
    from bpnet.data.mnist import inspect_files, load_mnist

    make_data_directory(data_dir)
    load_mnist(name, data_dir, mirror=mirror, progress=DownloadProgress())
    for report in inspect_files(KNOWN[name], data_dir):
        show(str(report.path))


for subcommand in (data_import.command, data_info.command, data_clean.command):
    command.add_command(subcommand)


@command.command(
    short_help="Compare the files with their checksums.",
    examples={
        "data verify": "MNIST",
        "data verify fashion_mnist": "clothes instead of digits",
    },
)
@click.argument("name", type=click.Choice(KNOWN_NAMES), default="mnist")
@options.data_dir
def verify(name: str, data_dir: Path | None) -> None:
    """Compare the files of a data set (default: mnist) with their checksums."""
    from bpnet.data.files.catalogue import KNOWN
    from bpnet.data.mnist import inspect_files

    reports = inspect_files(KNOWN[name], data_dir)
    for report in reports:
        show(f"{data_info.status_of(report):8}{report.path or report.name}")
    for report in reports:
        if report.problem:
            raise report.problem


@command.command(
    short_help="Draw the synthetic data set.",
    examples={
        "data synthesize": "as many digits as MNIST has",
        "data synthesize --train 1000 --test 100 --seed 7": "a few other ones",
    },
)
@click.option(
    "--train",
    type=click.IntRange(10, MOST_DRAWN),
    default=60000,
    show_default=True,
    metavar="N",
    help="Training digits.",
)
@click.option(
    "--test",
    type=click.IntRange(10, MOST_DRAWN),
    default=10000,
    show_default=True,
    metavar="N",
    help="Test digits.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, LARGEST_SEED),
    default=1,
    show_default=True,
    metavar="N",
    help="Which digits are drawn.",
)
@options.data_dir
def synthesize(train: int, test: int, seed: int, data_dir: Path | None) -> None:
    """Draw digits to train and to score on, and keep them in the cache.

    The sizes and the seed are those of [data] synthetic_train, synthetic_test and
    synthetic_seed in a config.
    """
    from tqdm import tqdm

    from bpnet.data.files.directory import data_directory
    from bpnet.data.synthetic import load_synthetic

    directory = data_directory(data_dir).path / "synthetic"
    with tqdm(total=train + test, desc="drawing", unit=" digits", disable=None) as bar:

        def advance(count: int) -> None:
            bar.update(count)

        load_synthetic(directory, train, test, seed, progress=advance)
    show(f"{train} + {test} digits, seed {seed}, are in {directory}")
