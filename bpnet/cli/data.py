"""Fetch, import, check or draw the data sets."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import data_import, options
from bpnet.cli.output import show, show_json
from bpnet.config.values import LARGEST_SEED, MOST_DRAWN

if TYPE_CHECKING:
    from bpnet.data.files.catalogue import KnownDataset
    from bpnet.data.mnist import FileReport

KNOWN_NAMES = ["mnist", "fashion_mnist"]  # as in the catalogue, which is slower to import


@click.group(name="data")
def command() -> None:
    """Fetch, import, check or draw the data sets.

    Data sets are kept in the directory given by --data-dir or BPNET_DATA_DIR, in a folder named
    after the data set or in the directory itself; by default, in the user's cache directory.
    Files in a directory that you name are never overwritten; it must exist, unless `fetch` is
    asked to download into it.
    """


@command.command(short_help="Download what is missing.")
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


command.add_command(data_import.command)


@command.command(short_help="Compare the files with their checksums.")
@click.argument("name", type=click.Choice(KNOWN_NAMES), default="mnist")
@options.data_dir
def verify(name: str, data_dir: Path | None) -> None:
    """Compare the files of a data set (default: mnist) with their checksums."""
    from bpnet.data.files.catalogue import KNOWN
    from bpnet.data.mnist import inspect_files

    reports = inspect_files(KNOWN[name], data_dir)
    for report in reports:
        show(f"{status_of(report):8}{report.path or report.name}")
    for report in reports:
        if report.problem:
            raise report.problem


@command.command(short_help="Draw the synthetic data set.")
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


@command.command(short_help="Show what is there and where.")
@click.argument("name", type=click.Choice(KNOWN_NAMES), required=False)
@options.data_dir
@options.as_json
def info(name: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Show where the data sets are kept, which files are there and what they hold."""
    from bpnet.data.files.catalogue import KNOWN
    from bpnet.data.files.directory import data_directory

    known = [KNOWN[name]] if name else list(KNOWN.values())
    directory = data_directory(data_dir).path
    summary = {
        "data_dir": str(directory),
        "datasets": [describe(dataset, data_dir) for dataset in known],
        "synthetic": sorted(map(str, (directory / "synthetic").glob("*/"))),
    }
    if as_json:
        show_json(summary)
    else:
        show(*info_text(summary))


def describe(known: "KnownDataset", data_dir: Path | None) -> dict[str, Any]:
    """Return the description of a data set in plain values."""
    from bpnet.data.mnist import inspect_files

    reports = inspect_files(known, data_dir)
    train, test = reports[0].shape, reports[2].shape
    return {
        "name": known.name,
        "complete": not any(report.problem for report in reports),
        "train_samples": train[0] if train else None,
        "test_samples": test[0] if test else None,
        "classes": list(known.class_names),
        "mirrors": list(known.mirrors),
        "files": [
            {
                "name": report.name,
                "status": status_of(report),
                "path": str(report.path) if report.path else None,
                "bytes": report.path.stat().st_size if report.path else None,
                "shape": report.shape,
                "sha256": report.sha256,
            }
            for report in reports
        ],
    }


def info_text(summary: dict[str, Any]) -> list[str]:
    """Return the description of all data sets as lines of text."""
    lines = [f"data directory: {summary['data_dir']}"]
    for dataset in summary["datasets"]:
        state = "complete" if dataset["complete"] else "incomplete"
        lines += ["", f"{dataset['name']}: {state}, classes {', '.join(dataset['classes'])}"]
        for file in dataset["files"]:
            shape = " × ".join(map(str, file["shape"] or ()))
            size = f"{file['bytes']} bytes" if file["bytes"] is not None else ""
            where = file["path"] or file["name"]
            lines.append(f"  {file['status']:8} {shape:>15} {size:>15}  {where}")
            if file["sha256"]:
                lines.append(f"{'':43}SHA-256 of the content {file['sha256']}")
    for folder in summary["synthetic"]:
        lines += ["", f"synthetic: {folder}"]
    return lines


def status_of(report: "FileReport") -> str:
    """Return `good`, `damaged` or `missing`."""
    if report.path is None:
        return "missing"
    return "damaged" if report.problem else "good"
