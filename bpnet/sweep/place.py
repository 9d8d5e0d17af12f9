"""Make the folder of a sweep, or go on with the one that is there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from bpnet.config.ini import read_ini
from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.config.writer import format_config
from bpnet.disk import FILE, what_is_at
from bpnet.errors import CheckpointError, ConfigError, listed
from bpnet.files import remove_leftovers, write_text
from bpnet.library.run_place import config_name, demand_no_run
from bpnet.model.run_files import CONFIG, ENVIRONMENT, read_object, read_text
from bpnet.runs.comparison import differing
from bpnet.runs.entry import DRAWN_BY
from bpnet.sweep.example_files import example_sweeps
from bpnet.sweep.permit import withdraw_permits
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.settings import Sweep
from bpnet.sweep.writer import format_sweep
from bpnet.training.claim import A_SWEEP, held
from bpnet.training.saving import writing

SWEEP = "sweep.ini"
BEGINNING = (ENVIRONMENT, CONFIG, SWEEP)  # in the order in which they are written
MAY_GROW = ("sweep.trials", "sweep.seeds")  # more of them change no run that was trained


def is_sweep(path: Path) -> bool:
    """Return whether a path leads to the folder of a sweep."""
    return what_is_at(path / SWEEP) == FILE and what_is_at(path / CONFIG) == FILE


def find_sweep(path: Path) -> tuple[Sweep, Path | None]:
    """Return the sweep that a file, an example or a folder holds, and that folder.

    Raises:
        ConfigError: there is none, or something is wrong with it.
    """
    found = what_is_at(path)
    if found == FILE:
        return read_sweep(path), None
    if what_is_at(path / SWEEP) == FILE:
        return read_sweep(path / SWEEP, path / CONFIG), path
    examples = example_sweeps()
    if str(path) in examples:
        return read_sweep(examples[str(path)]), None
    raise ConfigError(
        "there is no such sweep",
        where=path,
        expected=f"a file, the folder of a sweep, or one of the examples {', '.join(examples)}",
        found=found,
    )


@contextmanager
def claimed_folder(folder: Path, sweep: Sweep) -> Iterator[Path]:
    """Hold the folder of a sweep during the block; make it, or go on with what it holds.

    Runs that a killed sweep has left on a cluster end meanwhile: they have lost their permit.

    Returns:
        Its absolute path.

    Raises:
        CheckpointError: it is a run's, files there would be replaced, another process works there,
            or it cannot be written.
        ConfigError: another sweep was begun there.
    """
    demand_no_run(folder, "a sweep needs a folder for its runs")
    with held(folder, A_SWEEP) as place:
        with writing(A_SWEEP.name, place):
            remove_leftovers(place)
            withdraw_permits(place)
        _settle(place, sweep)
        try:
            yield place
        finally:
            withdraw_permits(place)


def _settle(folder: Path, sweep: Sweep) -> None:
    """Write what the folder's runs are trained with, or make sure that it is the same.

    Raises:
        CheckpointError: files there are not those of a sweep.
        ConfigError: it is not the same.
    """
    config = _shared_config(load_config(sweep.base, sweep.overrides(sweep.fixed)))
    text = format_sweep(sweep)
    name = config_name(sweep.base)
    is_begun = all(what_is_at(folder / one) == FILE for one in BEGINNING)
    if is_begun:
        _demand_same(folder, text, config)
    else:
        _demand_free(folder, name, config)
    environment = {"config": name, "started": datetime.now().astimezone().isoformat()}
    with writing(A_SWEEP.name, folder):
        if not is_begun:
            write_text(folder / ENVIRONMENT, json.dumps(environment, indent=2) + "\n")
            write_text(folder / CONFIG, config)
        write_text(folder / SWEEP, text)


def _demand_free(folder: Path, name: str | None, config: str) -> None:
    """Make sure that a new sweep replaces no file but those of its own interrupted beginning.

    Raises:
        CheckpointError: it would.
    """
    present = [one for one in BEGINNING if os.path.lexists(folder / one)]
    if ENVIRONMENT in present and _is_beginning(folder, name):
        present.remove(ENVIRONMENT)
        if CONFIG in present and read_text(folder / CONFIG) == config:
            present.remove(CONFIG)
    if present:
        raise CheckpointError(
            "the folder holds files that the sweep would overwrite",
            where=folder,
            expected="a sweep's folder, or one without these files",
            found=", ".join(present),
            hint="choose another --run-dir, or move these files away",
        )


def _is_beginning(folder: Path, name: str | None) -> bool:
    """Return whether `environment.json` is one that a sweep of this config has written."""
    try:
        stored = read_object(folder / ENVIRONMENT)
    except CheckpointError:
        return False
    return stored.keys() == {"config", "started"} and stored["config"] == name


def _shared_config(config: Config) -> str:
    """Return what all runs share; the seed of drawn digits is left to follow that of each run."""
    lines = format_config(config).splitlines(keepends=True)
    follows = DRAWN_BY not in config.given
    key = DRAWN_BY.partition(".")[2]
    return "".join(line for line in lines if not (follows and line.startswith(f"{key} =")))


def _demand_same(folder: Path, text: str, config: str) -> None:
    """Make sure that a folder holds the same sweep; a key that is missing there has its default.

    An earlier version has written it without the keys that were added since.

    Raises:
        ConfigError: it holds another one, or cannot be read.
    """
    begun = format_sweep(read_sweep(folder / SWEEP, folder / CONFIG))
    shared = _shared_config(load_config(str(folder / CONFIG)))
    stored = [_texts(begun), _texts(shared)]
    wanted = [_texts(text), _texts(config)]
    others: dict[str, list[str]] = {}
    for pair in zip(stored, wanted, strict=True):
        others |= {key: row for key, row in differing(pair).items() if key not in MAY_GROW}
    details = [f"{key} is {row[0]} there, but {row[1]} now" for key, row in others.items()]
    orders = [[key for key in one if key.startswith("vary.")] for one in (stored[0], wanted[0])]
    if not details and orders[0] != orders[1]:  # by which trials are numbered, and drawn
        there, now = (", ".join(key.removeprefix("vary.") for key in keys) for keys in orders)
        details = [f"[vary] lists {there} there, but {now} now"]
    if details:
        raise ConfigError(
            "the sweep in this folder was begun with other settings",
            details=listed(details),
            where=folder,
            hint="choose another folder with --run-dir; only trials and seeds may change",
        )


def _texts(text: str) -> dict[str, str]:
    return {
        f"{section}.{key}": entry.text
        for section, entries in read_ini(text).sections.items()
        for key, entry in entries.items()
    }
