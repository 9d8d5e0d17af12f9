"""Import files that people have: as MNIST, as Fashion-MNIST, or as a data set of their own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpnet.cli import options
from bpnet.cli.command import BpnetCommand
from bpnet.cli.output import note, show
from bpnet.cli.run_start import data_option
from bpnet.errors import counted, quoted, some

if TYPE_CHECKING:
    from bpnet.data.dataset import Dataset

MOST_SIDE = 1000  # pixels


def read_size(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Read height and width, as in `20x24`."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,4})[x×](\d{1,4})", value)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(1 <= side <= MOST_SIDE for side in sides):
        wanted = f"HEIGHTxWIDTH, as in 20x24, at most {MOST_SIDE} pixels each"
        raise click.BadParameter(f"expected {wanted}.", context, option)
    return sides


@click.command(
    name="import",
    cls=BpnetCommand,
    short_help="Import files that you have.",
    examples={
        "data import . --name mine": "what lies in this folder",
    },
)
@click.argument("source", type=options.PATH)
@click.argument("word", metavar="[NAME]", required=False)
@click.option("--name", metavar="NAME", help="What the data set is to be called.")
@click.option(
    "--size",
    callback=read_size,
    metavar="HEIGHTxWIDTH",
    help="Size of the pictures, where rows of pixels do not show it or pictures differ in size.",
)
@click.option(
    "--transpose/--no-transpose",
    default=None,
    help="Exchange rows and columns of the pictures, or do not; by default, where digits or the "
    "name EMNIST show that they lie on their side.",
)
@options.data_dir
def command(
    source: Path,
    word: str | None,
    name: str | None,
    size: tuple[int, int] | None,
    transpose: bool | None,
    data_dir: Path | None,
) -> None:
    """Turn files that you have into a data set, which `[data] dataset = NAME` then uses.

    SOURCE is a folder with a folder of pictures for each class (perhaps within one for training and
    one for the test), or files: IDX files such as those of EMNIST and QMNIST, NumPy's .npz or
    .npy, CSV (a label and pixels in each line), MATLAB's .mat. Naming one file takes those that
    belong to it. Where there is no test set, a seventh of the samples is held out as one.

    The files of MNIST and Fashion-MNIST are recognised by their checksums and become `mnist` and
    `fashion_mnist`, as they do with these names.
    """
    from bpnet.data.files.catalogue import KNOWN
    from bpnet.data.files.directory import data_directory
    from bpnet.data.mnist import import_files

    data_directory(data_dir)  # one that the user names must exist
    if word is not None and name not in (None, word):
        names = f"{quoted(word)} and --name {quoted(name)}"
        raise click.UsageError(f"two names are given, {names}; give one of them.")
    name = word if name is None else name
    known = known_files(source, name)
    if known is None:
        import_as(source, name, size, transpose, data_dir)
        return
    if size is not None or transpose is not None:
        note(f"--size and --transpose have no say: these are the files of {known[0]}")
    for path in import_files(KNOWN[known[0]], known[1], data_dir):
        show(str(path))


def known_files(source: Path, name: str | None) -> tuple[str, Path] | None:
    """Return which data set that bpnet knows is meant, and where its files lie; None if none is."""
    from bpnet.data.files.catalogue import KNOWN
    from bpnet.data.files.names import STEMS, find_file
    from bpnet.data.importing.places import locate
    from bpnet.data.mnist import recognise

    if name is not None:
        return (name, source) if name in KNOWN else None
    if known := recognise(source):
        return known, source
    inner = locate(source).paths[0]
    if known := recognise(inner):
        return known, inner
    if inner in [find_file(inner.parent, stem) for stem in STEMS]:
        note(f"by their checksums, these are not the files of {' or '.join(KNOWN)}")
    return None


def import_as(
    source: Path,
    name: str | None,
    size: tuple[int, int] | None,
    transpose: bool | None,
    data_dir: Path | None,
) -> None:
    """Import files as a data set of its own, and show it."""
    from tqdm import tqdm

    from bpnet.data.files.directory import data_directory
    from bpnet.data.imported import SHEET_FILE
    from bpnet.data.importing.checks import warnings_of
    from bpnet.data.importing.found import Wanted
    from bpnet.data.importing.source import read_source
    from bpnet.data.importing.store import (
        check_name,
        demand_free,
        name_for,
        new_folder,
        write_dataset,
    )
    from bpnet.report.contact_sheet import text_sheet, write_contact_sheet

    name = name_for(source) if name is None else name
    check_name(name)
    folder = data_directory(data_dir).path / name
    demand_free(folder)
    with tqdm(desc="reading", unit=" pictures", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        dataset, notes = read_source(source, Wanted(size, transpose), name, progress)
    with new_folder(name, data_dir) as unfinished:
        write_dataset(unfinished, dataset, source)
        write_contact_sheet(dataset, unfinished / SHEET_FILE)
    for text in notes:
        note(text)
    for text in warnings_of(dataset):
        note(f"warning: {text}")
    show(*describe(dataset, folder), *text_sheet(dataset), "")
    show(f"contact sheet: {folder / SHEET_FILE}", "", "next:", f"  {training(dataset, data_dir)}")


def describe(dataset: Dataset, folder: Path) -> list[str]:
    """Return what has been imported as lines of text."""
    import numpy as np

    names, (height, width) = dataset.class_names, dataset.train.inputs.shape[1:]
    counts = np.bincount(dataset.train.targets, minlength=len(names))
    each = f"{counts.min():,} to {counts.max():,}" if np.ptp(counts) else f"{counts.min():,}"
    pictures = "picture" if each == "1" else "pictures"
    return [
        f"{dataset.name}: {len(dataset.train):,} training and "
        f"{counted(len(dataset.test), 'test picture', 'test pictures')} "
        f"of {height}×{width} pixels, in {folder}",
        f"{counted(len(names), 'class', 'classes')}, {each} training {pictures} each: "
        f"{some(names)}",
    ]


def training(dataset: Dataset, data_dir: Path | None) -> str:
    """Return a command that trains a first network on a data set."""
    classes, samples = len(dataset.class_names), len(dataset.train)
    layers = f"model.layers=flatten,linear 128,relu,linear {classes}"
    settings = [] if classes == 10 else ["--set", layers]
    if samples < 20_000:
        settings += ["--set", f"data.validation={samples // 10}"]
    words = ["train", "--config", "mlp", "--dataset", dataset.name, *settings]
    return options.command_line(*words, *data_option(data_dir))
