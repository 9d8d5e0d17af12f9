"""Read `--dataset`: the name of a data set, or a folder that holds one."""

from __future__ import annotations

from pathlib import Path

import click

from bpnet.cli.options import A_DATASET
from bpnet.config.values import DATASET_NAME, DATASETS
from bpnet.disk import DIRECTORY, FILE, what_is_at
from bpnet.errors import ConfigError

dataset = click.option(
    "--dataset",
    "chosen",
    type=A_DATASET,
    metavar="NAME|DIR",
    help="Data set: mnist, fashion_mnist, synthetic, the name of an imported one, or a folder of "
    "IDX files; default: that of the config.",
)


def is_folder(chosen: str | None) -> bool:
    """Return whether `--dataset` names a folder, in which no other directory has a say.

    A plain word that an imported data set may have as its name is a folder only if the files are in
    it: what was imported may lie beside it, under the same name.
    """
    from bpnet.data.files.names import spellings_of_all

    if chosen is None or chosen in DATASETS or what_is_at(Path(chosen)) != DIRECTORY:
        return False
    names = spellings_of_all() if DATASET_NAME.fullmatch(chosen) else [""]
    return any((Path(chosen) / name).exists() for name in names)


def settings_of(chosen: str) -> dict[str, str]:
    """Return the settings of `[data]` that `--dataset` stands for.

    Raises:
        ConfigError: it can be neither the name of a data set nor a folder.
    """
    drawn = {} if chosen == "mnist" else {"drawn": "0"}  # drawn digits go with MNIST only
    if is_folder(chosen):
        return {"dataset": "idx", "path": str(Path(chosen).absolute())} | drawn
    found = what_is_at(Path(chosen))
    if chosen != "idx" and DATASET_NAME.fullmatch(chosen) and found != FILE:
        return {"dataset": chosen} | drawn
    is_data = found == FILE
    raise ConfigError(
        "this file is not a data set" if is_data else "there is no such data set",
        where="--dataset",
        expected=f"{', '.join(DATASETS)}, the name of an imported one, or a folder of IDX files",
        found=f"{chosen}, {found}",
        hint="give the folder that holds all four files, or import other kinds of files with"
        if is_data
        else None,
        command=("data", "import", chosen) if is_data else (),
    )
