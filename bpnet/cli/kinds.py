"""Recognise what a word is, and know the command that has a use for it."""

from __future__ import annotations

import re
from pathlib import Path

from bpnet.disk import DIRECTORY, FILE, NOTHING, what_is_at
from bpnet.library import opening
from bpnet.library.opening import BEST_RUN, NEWEST
from bpnet.model.run_files import CONFIG, last_written

PRESET, CONFIG_FILE, CONFIGS = "a preset", "a config", "a folder of configs"
CHECKPOINT, RUN, RUNS = "a checkpoint", "a run", "a folder of runs"
PICTURE, DATASET = "a picture", "a data set"
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif")
A_CONFIG = (PRESET, CONFIG_FILE)
A_CHECKPOINT = (CHECKPOINT, RUN)
TAKES = {  # commands, and the kinds of words for which they are made
    "train": A_CONFIG,
    "trace": A_CONFIG,
    "gradcheck": A_CONFIG,
    "bench": A_CONFIG,
    "config": A_CONFIG,
    "curves": (*A_CONFIG, RUN),
    "summary": (*A_CONFIG, *A_CHECKPOINT),
    "eval": A_CHECKPOINT,
    "report": A_CHECKPOINT,
    "draw": A_CHECKPOINT,
    "verify-run": (RUN,),
    "predict": (PICTURE,),
    "export": A_CHECKPOINT,
    "runs compare": (RUN,),
    "runs note": (RUN,),
    "import": (CHECKPOINT,),  # or what has the same end
    "data": (CHECKPOINT,),  # likewise
    "sweep": (CONFIG_FILE, RUNS),
}
OPTION_TAKES = {
    "--config": A_CONFIG,
    "--resume": A_CHECKPOINT,
    "--from": A_CHECKPOINT,
    "--checkpoint": A_CHECKPOINT,
}


def kind_of(word: str) -> str | None:
    """Return what a word is, or None where it is nothing that bpnet knows."""
    from bpnet.config.presets import example_paths, preset_paths
    from bpnet.config.values import DATASETS

    path = Path(word)
    found = what_is_at(path)
    if found == NOTHING and word in (NEWEST, BEST_RUN):
        return RUN if runs_in(opening.RUNS) else None
    if found == FILE:
        suffix = path.suffix.lower()
        kinds = {".npz": CHECKPOINT, ".ini": CONFIG_FILE} | dict.fromkeys(PICTURE_SUFFIXES, PICTURE)
        return kinds.get(suffix)
    if found == DIRECTORY:
        if last_written(path):
            return RUN
        runs = runs_in(path)
        if configs_in(path) and all(run.parent != path for run in runs):
            return CONFIGS
        return RUNS if runs else None
    if word in preset_paths() | example_paths():
        return PRESET
    return DATASET if word in DATASETS else None


def runs_in(folder: Path) -> list[Path]:
    """Return the runs in a folder, or in folders within it as `--seeds` makes; the newest first."""
    written = {
        run: time
        for path in _folders_in(folder)
        for run in ([path] if last_written(path) else _folders_in(path))
        if (time := last_written(run))
    }
    return sorted(written, key=lambda run: written[run], reverse=True)


def _folders_in(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []


def configs_in(folder: Path) -> list[Path]:
    """Return the configs in a folder, by name."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".ini" and path.is_file())
    except OSError:
        return []


def fitting_command(kind: str, word: str, command: str) -> list[str]:
    """Return the words of a command that has a use for a word, close to the one that was called.

    Args:
        kind: what the word is.
        word: a name or a path.
        command: that was called, and is not made for the word.
    """
    if kind == PICTURE:
        return ["predict", word]
    if kind == DATASET:
        if command in ("eval", "report"):
            return [command, "last", "--dataset", word]
        return ["train", "mlp", "--dataset", word]
    if kind == CONFIGS:
        first = str(configs_in(Path(word))[0])
        return [command if CONFIG_FILE in TAKES.get(command, ()) else "train", first]
    run = run_for(kind, word)
    if kind in (PRESET, CONFIG_FILE) and (run is None or not command):
        return ["train", word]
    if run is not None:
        if RUN in TAKES.get(command, ()):
            return [command, run]
        return _with_checkpoint(RUN, run, command)
    return _with_checkpoint(kind, word, command)


def run_for(kind: str, word: str) -> str | None:
    """Return the newest run of a config or of a folder of runs, if there is one."""
    if kind == RUNS:
        return str(runs_in(Path(word))[0])
    if kind not in (PRESET, CONFIG_FILE):
        return None
    name = f"{Path(word).stem}-"
    return next((str(run) for run in runs_in(opening.RUNS) if run.name.startswith(name)), None)


def _with_checkpoint(kind: str, word: str, command: str) -> list[str]:
    """Return the words of a command that has a use for a checkpoint or a run."""
    if command == "predict":
        from bpnet.cli.command import picture

        return ["predict", "--checkpoint", word, picture()]
    if command == "train":
        return ["train", "--resume" if kind == RUN else "--from", word]
    if command in ("trace", "gradcheck", "bench", "config") and kind == RUN:
        run = runs_in(opening.RUNS)[0] if word == NEWEST else Path(word)
        return [command, str(run / CONFIG)]
    if command == "verify-run":
        return ["verify-run", str(Path(word).parent)]
    return ["eval", word]


def similar_path(word: str) -> str | None:
    """Return the path of something beside a missing file whose name is similar."""
    from bpnet.config.values import nearest

    path = Path(word)
    if what_is_at(path) != NOTHING or not path.name:
        return None
    try:
        names = [found.name for found in path.parent.iterdir()]
    except (OSError, ValueError):
        return None
    beginnings = {re.sub(r"-\d{8}-\d{6}(-\d+)?$", "", name): name for name in sorted(names)}
    near = nearest(path.name, names) or beginnings.get(nearest(path.name, beginnings) or "")
    return None if near is None else str(path.with_name(near))
