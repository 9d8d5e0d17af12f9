"""Decide how a run goes on: with which config, and until which epoch."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from bpnet.config.loading import load_config, load_overrides
from bpnet.config.settings import SECTIONS, Config
from bpnet.config.values import MOST_EPOCHS
from bpnet.errors import CheckpointError, ConfigError, listed
from bpnet.model.checkpoint import Checkpoint, load_checkpoint
from bpnet.model.run_files import LAST, checkpoint_path
from bpnet.training.progress import Progress

WORKERS = "train.workers"  # may differ from the checkpoint's: it changes no result
PATH = "data.path"  # of an idx data set, which may have moved: its fingerprint is compared


def load_for_resume(
    path: Path, source: str | None, overrides: tuple[str, ...], epochs: str | None
) -> tuple[Config, Checkpoint, Progress]:
    """Read the checkpoint that a run goes on from, and settle config and end of the run.

    Args:
        path: a checkpoint, or a run directory, of which the last one is taken.
        source: config file or preset that was given besides, if any.
        overrides: settings that were given besides.
        epochs: what was given as `--epochs`.

    Raises:
        CheckpointError: there is no usable checkpoint.
        ConfigError: what was given contradicts it.
    """
    checkpoint = load_checkpoint(checkpoint_path(path, LAST))
    demand_progress(checkpoint)
    try:
        progress = Progress.from_record(checkpoint.record["progress"])
    except TypeError as error:
        raise CheckpointError(
            "the checkpoint does not record how far the run came",
            where=checkpoint.path,
            found=error,
        ) from error
    wanted = load_config(source, overrides) if source else load_overrides(overrides)
    try:
        check_agreement(wanted, checkpoint, progress)
    except ConfigError as error:
        error.command = new_run(checkpoint.path, source, overrides)
        raise
    progress = extend(progress, checkpoint.config(), epochs)
    if progress.ends[-1] > MOST_EPOCHS:
        what = f"a run has at most {MOST_EPOCHS:,} epochs"
        raise ConfigError(what, where="--epochs", found=progress.ends[-1])
    config = checkpoint.config().with_epochs(progress.ends[-1])
    if WORKERS in wanted.given:
        config = config.with_workers(wanted.train.workers)
    if PATH in wanted.given and config.data.dataset == "idx":
        config = dataclasses.replace(
            config, data=dataclasses.replace(config.data, path=wanted.data.path)
        )
    return config, checkpoint, progress


def demand_progress(checkpoint: Checkpoint) -> None:
    """Make sure that a checkpoint was written by a run.

    Raises:
        CheckpointError: it holds weights only.
    """
    if "progress" not in checkpoint.record:
        raise CheckpointError(
            "the checkpoint holds weights only, no run that could go on",
            where=checkpoint.path,
            hint="give a run directory of `bpnet train`",
        )


def demand_same_data(checkpoint: Checkpoint, fingerprint: str) -> None:
    """Make sure that a checkpoint was trained on the data of this fingerprint.

    Raises:
        CheckpointError: it was not.
    """
    if checkpoint.record["fingerprint"] != fingerprint:
        raise CheckpointError(
            "the run was trained on other data than these",
            where=checkpoint.path,
            expected=f"data with SHA-256 {checkpoint.record['fingerprint']}",
            found=fingerprint,
            hint="give the directory with the original data as --data-dir",
        )


def check_agreement(wanted: Config, checkpoint: Checkpoint, progress: Progress) -> None:
    """Make sure that no setting given explicitly contradicts those of the checkpoint.

    Raises:
        ConfigError: some do; all are listed.
    """
    saved = checkpoint.config()
    conflicts = []
    for key, place in wanted.given.items():
        asked, kept = _value(wanted, key), _value(saved, key)
        if asked == kept or key == WORKERS or (key == "train.epochs" and asked in progress.ends):
            continue
        if key == PATH and saved.data.dataset == "idx":
            continue
        conflicts.append(f"{place}: {key} is {kept} in the checkpoint, but {asked} was asked for")
    if conflicts:
        raise ConfigError(
            "a run goes on with its own settings",
            details=listed(conflicts),
            where=checkpoint.path,
            hint="leave these settings out, or start a new run from these weights:",
        )


def new_run(
    checkpoint: Path | None, source: str | None, overrides: Sequence[str]
) -> tuple[str, ...]:
    """Return the words after `bpnet` that start a new run, perhaps from a checkpoint's weights."""
    weights = () if checkpoint is None else ("--from", str(checkpoint))
    config = () if source is None else ("--config", source)
    settings = [word for override in overrides for word in ("--set", override)]
    return ("train", *weights, *config, *settings)


def _value(config: Config, key: str) -> object:
    """Return the value of `section.key`; layers as their lines, since places do not matter."""
    section, _, name = key.partition(".")
    if section == "weights":
        return config.weights.get(name)
    if section not in SECTIONS:
        return None
    value = getattr(getattr(config, section), name)
    return [spec.text for spec in value] if name == "layers" else value


def read_epochs(text: str) -> tuple[bool, int]:
    """Read `N` or `+N`; return whether it adds, and the number.

    Raises:
        ConfigError: it is neither.
    """
    is_number = re.fullmatch(r"\+?[0-9]{1,20}", text)
    if not is_number or not 1 <= int(text) <= MOST_EPOCHS:
        raise ConfigError(
            "--epochs does not understand this",
            expected=f"N, epochs in all, or +N, epochs more than now; at most {MOST_EPOCHS:,}",
            found=text,
            hint="write --epochs 10, for example",
        )
    return text.startswith("+"), int(text)


def extend(progress: Progress, config: Config, epochs: str | None) -> Progress:
    """Return the progress with the ends that `--epochs` asks for.

    A finished run is extended; a run under way may change its end only where that does not
    change the course of the learning rate so far.

    Raises:
        ConfigError: the request does not fit the run.
    """
    if epochs is None:
        return progress
    adds, number = read_epochs(epochs)
    if not adds and number == progress.ends[-1]:
        return progress
    if progress.finished:
        end = progress.epoch + number if adds else number
        _demand(end > progress.epoch, f"the run has {progress.epoch} epochs", epochs, "+N")
        return dataclasses.replace(
            progress,
            ends=[*progress.ends[:-1], progress.epoch, end],
            planned=[*progress.planned, end],
            stopped_early=False,
            patience_score=None,
            patience_from=progress.epoch,
        )
    place = f"the run is in epoch {progress.epoch + 1} of {progress.ends[-1]}"
    _demand(not adds, place, epochs, "resume it without --epochs; +N extends a finished run")
    keeps_course = config.schedule.name in ("constant", "step") and not config.schedule.warmup
    reason = f"{place}, and its {config.schedule.name} schedule is fitted to that end"
    _demand(keeps_course, reason, epochs, "resume it without --epochs, and extend it afterwards")
    _demand(number > progress.epoch, place, epochs, f"more than {progress.epoch}")
    return dataclasses.replace(
        progress,
        ends=[*progress.ends[:-1], number],
        planned=[*progress.planned[:-1], number],
    )


def _demand(holds: bool, what: str, epochs: str, hint: str) -> None:
    if not holds:
        raise ConfigError(f"--epochs cannot do this: {what}", found=epochs, hint=hint)
