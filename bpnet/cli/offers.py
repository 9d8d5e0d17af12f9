"""Offer what may complete a word that is typed: files, configs, runs, settings, data sets.

Shells show what this returns while somebody types: it is quick, loads no NumPy, and never fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from click.shell_completion import CompletionItem

CONFIG_SUFFIX, CHECKPOINT_SUFFIX = ".ini", ".npz"
MOST = 1000  # files of a folder
ARRAYS = (".npy", "-ubyte", "-ubyte.gz")  # ends of names


def paths(incomplete: str, suffixes: Sequence[str] | None = None) -> list[CompletionItem]:
    """Return the folders and files whose path begins so; folders end with a slash.

    Args:
        incomplete: what has been typed; `~` stands for the home directory.
        suffixes: of the files; None for all, and none for folders alone.
    """
    typed, name = os.path.split(incomplete)
    folder = Path(typed).expanduser() if typed else Path()
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_wanted = entry.name.startswith(name) and entry.name.isprintable()
                if not is_wanted or (entry.name.startswith(".") and not name.startswith(".")):
                    continue
                whole = os.path.join(typed, entry.name)  # noqa: PTH118 (`./a` would become `a`)
                if entry.is_dir():
                    found.append(f"{whole}/")
                elif suffixes is None or entry.name.lower().endswith(tuple(suffixes)):
                    found.append(whole)
    except (OSError, RuntimeError, ValueError):
        return []
    return [CompletionItem(path) for path in sorted(found)[:MOST]]


def configs(incomplete: str) -> list[CompletionItem]:
    """Return presets, worked examples and config files."""
    from bpnet.config.presets import describe, example_paths, preset_paths

    named = [
        CompletionItem(name, help=describe(path))
        for name, path in (preset_paths() | example_paths()).items()
        if name.startswith(incomplete)
    ]
    return named + paths(incomplete, (CONFIG_SUFFIX,))


def sweeps(incomplete: str) -> list[CompletionItem]:
    """Return the examples of sweeps, sweep files and folders."""
    from bpnet.config.presets import describe
    from bpnet.sweep.example_files import example_sweeps

    named = [
        CompletionItem(name, help=describe(path))
        for name, path in example_sweeps().items()
        if name.startswith(incomplete)
    ]
    return named + paths(incomplete, (CONFIG_SUFFIX,))


def checkpoints(incomplete: str) -> list[CompletionItem]:
    """Return the names of checkpoints, the runs in `runs`, and checkpoint files."""
    from bpnet.cli.checkpoints import NAMES
    from bpnet.cli.kinds import runs_in
    from bpnet.library.opening import RUNS

    words = [
        CompletionItem(name, help=told)
        for name, told in NAMES.items()
        if name.startswith(incomplete)
    ]
    runs = [str(run) for run in runs_in(RUNS) if run.name.isprintable()]
    words += [CompletionItem(run, help="a run") for run in runs if run.startswith(incomplete)]
    known = {word.value for word in words}
    others = paths(incomplete, (CHECKPOINT_SUFFIX,))
    return words + [other for other in others if other.value.rstrip("/") not in known]


def configs_and_runs(incomplete: str) -> list[CompletionItem]:
    """Return what stands for a network: configs, checkpoints and runs."""
    return without_doubles([*configs(incomplete), *checkpoints(incomplete)])


def pictures(incomplete: str) -> list[CompletionItem]:
    """Return folders, pictures, and arrays of them."""
    from bpnet.cli.kinds import PICTURE_SUFFIXES

    return paths(incomplete, (*PICTURE_SUFFIXES, *ARRAYS))


def settings(incomplete: str) -> list[CompletionItem]:
    """Return settings with their meanings, `section.key=`; behind `=`, their values."""
    key, equals, value = incomplete.partition("=")
    if equals:
        return [CompletionItem(f"{key}={choice}") for choice in values(key, value)]
    return [
        CompletionItem(f"{name}=", help=meaning)
        for name, meaning in meanings()
        if name.startswith(incomplete)
    ]


def values(key: str, incomplete: str) -> list[str]:
    """Return the values of a setting that begin so."""
    from bpnet.config.other_names import setting_readers

    readers = setting_readers()
    choices = list(readers[key].choices) if key in readers else []
    if key == "data.dataset":
        choices += imported()
    return [choice for choice in choices if choice.startswith(incomplete)]


def meanings() -> Iterable[tuple[str, str]]:
    """Return every setting with its meaning."""
    import dataclasses

    from bpnet.config.settings import SECTIONS

    for section, owner in SECTIONS.items():
        for field in dataclasses.fields(owner):
            yield f"{section}.{field.name}", field.metadata["meaning"]


def names(incomplete: str) -> list[CompletionItem]:
    """Return what can be explained: settings and sections."""
    from bpnet.config.settings import SECTIONS

    sections = [CompletionItem(name, help="a section") for name in SECTIONS]
    keys = [CompletionItem(name, help=meaning) for name, meaning in meanings()]
    return [item for item in sections + keys if item.value.startswith(incomplete)]


def datasets(incomplete: str) -> list[CompletionItem]:
    """Return the names of data sets, imported ones included, and folders."""
    from bpnet.config.values import DATASETS

    known = [name for name in (*DATASETS, *imported()) if name != "idx"]
    named = [CompletionItem(name) for name in known if name.startswith(incomplete)]
    return without_doubles([*named, *paths(incomplete, ())])


def imported() -> list[str]:
    """Return the names of the imported data sets."""
    from bpnet.data.imported import imported_names
    from bpnet.errors import BpnetError

    try:
        return imported_names(None)
    except BpnetError:
        return []


def workers(incomplete: str) -> list[CompletionItem]:
    """Return the kinds of workers."""
    return [CompletionItem(word) for word in values("train.workers", incomplete)]


def without_doubles(items: Iterable[CompletionItem]) -> list[CompletionItem]:
    """Return the items, each value once: without a slash, if it ends a word for one of them."""
    found: dict[str, CompletionItem] = {}
    for item in items:
        name = item.value.rstrip("/")
        if name not in found or found[name].value != name:
            found[name] = item
    return list(found.values())
