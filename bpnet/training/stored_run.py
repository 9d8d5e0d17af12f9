"""Read all files of a run directory, to compare them with the run trained anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.disk import DIRECTORY, NOTHING, what_is_at
from bpnet.errors import CheckpointError
from bpnet.fast.sizes import describe_choice
from bpnet.machine import blas_description, cpu_name
from bpnet.model.checkpoint import Checkpoint, load_checkpoint
from bpnet.model.run_files import (
    BEST,
    CONFIG,
    ENVIRONMENT,
    METRICS,
    checkpoint_path,
    demand_file,
    read_metrics,
    read_object,
)
from bpnet.training.differences import Difference, config_differences, value_differences
from bpnet.training.progress import Progress
from bpnet.training.resume import demand_progress, load_for_resume
from bpnet.version import __version__

CHOSEN_FOR = "processor.chosen_for"


@dataclass(frozen=True)
class StoredRun:
    """Hold what the files of a run directory say.

    Args:
        run_dir: where they lie.
        config: the effective config of the latest checkpoint.
        progress: how far that came.
        last: the latest checkpoint.
        best: the best one; None before the first epoch.
        metrics: one object per line of `metrics.jsonl`.
    """

    run_dir: Path
    config: Config
    progress: Progress
    last: Checkpoint
    best: Checkpoint | None
    metrics: list[dict[str, Any]]


def read_run(run_dir: Path) -> StoredRun:
    """Read a run directory.

    The files are read in the opposite order to that in which a run writes them: should it be under
    way, none is older than what was read before it.

    Raises:
        CheckpointError: there is no run, or a file of it cannot be read.
    """
    if (found := what_is_at(run_dir)) != DIRECTORY:
        raise CheckpointError(
            "there is no run directory here",
            where=run_dir,
            expected="a run directory of `bpnet train`",
            found=found,
        )
    checkpoint_path(run_dir)  # before all else: a folder without any is no run
    metrics = read_metrics(run_dir / METRICS)
    config, last, progress = load_for_resume(run_dir, None, (), None)
    best = None
    if what_is_at(run_dir / BEST) != NOTHING:
        best = load_checkpoint(run_dir / BEST)
        demand_progress(best)
    return StoredRun(run_dir, config, progress, last, best, metrics)


def stored_config_differences(stored: StoredRun) -> list[Difference]:
    """Compare `config.ini`, where there is one, with the config that the checkpoint holds.

    Raises:
        CheckpointError: it is no file.
        ConfigError: it cannot be read.
    """
    path = stored.run_dir / CONFIG
    if what_is_at(path) == NOTHING:
        return []
    demand_file(path)
    return config_differences(0, CONFIG, load_config(str(path)), stored.config)


def machine_differences(run_dir: Path) -> list[Difference] | None:
    """Return what may change the last bits: other libraries, another processor, other sizes.

    Returns:
        Differences between `environment.json` and this machine; None if that file cannot be read.
    """
    stored = _read_environment(run_dir)
    if stored is None:
        return None
    now: dict[str, Any] = {"bpnet": __version__, "numpy": np.__version__, "cpu": cpu_name()}
    now["blas"] = blas_description()
    chosen_for, sizes = _choice(stored)
    if chosen_for is not None:  # earlier versions note no choice
        here = describe_choice()
        now[CHOSEN_FOR], stored[CHOSEN_FOR] = here["chosen_for"], chosen_for
        if here["chosen_for"] == chosen_for:
            now["sizes"], stored["sizes"] = here["sizes"], sizes
    found = value_differences(0, ENVIRONMENT, {key: stored.get(key) for key in now}, now)
    return [difference for difference in found if not difference.key.endswith("num_threads")]


def other_processor(run_dir: Path) -> str | None:
    """Return the processor for which a run's sizes were chosen, if here others are chosen."""
    chosen_for, _ = _choice(_read_environment(run_dir) or {})
    return None if chosen_for in (None, describe_choice()["chosen_for"]) else chosen_for


def _read_environment(run_dir: Path) -> dict[str, Any] | None:
    """Return what `environment.json` holds, or None if it cannot be read."""
    try:
        return read_object(run_dir / ENVIRONMENT)
    except CheckpointError:
        return None


def _choice(environment: dict[str, Any]) -> tuple[str | None, Any]:
    """Return for which processor a run's sizes were chosen, and the sizes."""
    processor = environment.get("processor")
    if not isinstance(processor, dict) or not isinstance(processor.get("chosen_for"), str):
        return None, None
    return processor["chosen_for"], processor.get("sizes")
