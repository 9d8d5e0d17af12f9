"""Make the folder of a sweep, or go on with the one that is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from bpnet.config.ini import read_ini
from bpnet.config.loading import load_config
from bpnet.config.writer import format_config
from bpnet.disk import FILE, what_is_at
from bpnet.errors import CheckpointError, ConfigError, listed
from bpnet.files import remove_leftovers, write_text
from bpnet.library.run_place import config_name
from bpnet.locks import owner_of, take_lock
from bpnet.model.run_files import CONFIG, ENVIRONMENT, LOCK, read_text
from bpnet.runs.comparison import differing
from bpnet.runs.listing import is_run
from bpnet.sweep.example_files import example_sweeps
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.settings import Sweep
from bpnet.sweep.writer import format_sweep
from bpnet.training.saving import writing

SWEEP = "sweep.ini"
STOP = "stop"  # there while a sweep is being ended: its runs look for it
MAY_GROW = ("sweep.trials", "sweep.seeds")  # more of them change no run that was trained


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

    Returns:
        Its absolute path.

    Raises:
        CheckpointError: it is a run's, another process works there, or it cannot be written.
        ConfigError: another sweep was begun there.
    """
    if is_run(folder):
        raise CheckpointError(
            "a sweep needs a folder for its runs, but this is one run",
            where=folder,
            hint="choose another --run-dir",
        )
    with writing("the folder of the sweep", folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder = folder.absolute()
        lock = take_lock(folder / LOCK)
    if lock is None:
        raise CheckpointError(
            "another process works at this sweep",
            where=folder,
            found=owner_of(folder / LOCK) or "a lock that is held",
            hint="wait until it ends",
        )
    try:
        with writing("the folder of the sweep", folder):
            lock.sign()
            remove_leftovers(folder)
            (folder / STOP).unlink(missing_ok=True)
        _settle(folder, sweep)
        yield folder
    finally:
        lock.release()


def _settle(folder: Path, sweep: Sweep) -> None:
    """Write what the folder's runs are trained with, or make sure that it is the same.

    Raises:
        ConfigError: it is not.
    """
    config = format_config(load_config(sweep.base, sweep.overrides(sweep.fixed)))
    text = format_sweep(sweep)
    if what_is_at(folder / SWEEP) == FILE:
        _demand_same(folder, text, config)
    name = config_name(sweep.base)
    environment = {"config": name, "started": datetime.now().astimezone().isoformat()}
    with writing("the folder of the sweep", folder):
        if what_is_at(folder / SWEEP) != FILE:
            write_text(folder / ENVIRONMENT, json.dumps(environment, indent=2) + "\n")
            write_text(folder / CONFIG, config)
        write_text(folder / SWEEP, text)


def _demand_same(folder: Path, text: str, config: str) -> None:
    stored = [_texts(read_text(folder / name)) for name in (SWEEP, CONFIG)]
    wanted = [_texts(text), _texts(config)]
    others: dict[str, list[str]] = {}
    for pair in zip(stored, wanted, strict=True):
        others |= {key: row for key, row in differing(pair).items() if key not in MAY_GROW}
    if others:
        details = [f"{key} is {row[0]} there, but {row[1]} now" for key, row in others.items()]
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
