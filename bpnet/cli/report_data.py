"""Gather what the page of a run shows: answers, history, surroundings, commands."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.cli.checkpoints import open_checkpoint
from bpnet.cli.output import note
from bpnet.cli.shell_words import quoted
from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import BpnetError, CheckpointError

if TYPE_CHECKING:
    from bpnet.model.checkpoint import Checkpoint
    from bpnet.report.page.examined import Examined


@dataclass(frozen=True)
class Question:
    """Hold which samples the networks are asked about.

    Args:
        dataset: name or folder of the data set, or None for that of each network's training.
        split: test, validation or train.
        data_dir: where data sets lie.
    """

    dataset: str | None = None
    split: str = "test"
    data_dir: Path | None = None

    def options(self) -> list[str]:
        """Return the options of `eval` that ask the same."""
        options = []
        if self.dataset is not None:
            options += ["--dataset", self.dataset]
        if self.split != "test":
            options += ["--split", self.split]
        return options + self.data_options()

    def data_options(self) -> list[str]:
        """Return the options by which any command finds the same data."""
        return [] if self.data_dir is None else ["--data-dir", str(self.data_dir)]


def examine(name: str, given: Path, question: Question) -> Examined:
    """Return a network with its answers.

    Args:
        name: of the network in the page.
        given: its run directory or checkpoint.
        question: which samples it is asked about.

    Raises:
        BpnetError: the checkpoint or the data set cannot be used.
    """
    import numpy as np

    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.library.score_data import (
        choose_dataset,
        choose_samples,
        load_data,
        warnings_of_classes,
    )
    from bpnet.library.scoring import score_together
    from bpnet.machine import available_cores, blas_threads
    from bpnet.model.blocks import answers_to
    from bpnet.model.ensemble import Ensemble
    from bpnet.model.workers import Workers
    from bpnet.report.page.examined import Examined

    opened = open_checkpoint(given)
    checkpoint, chosen = opened.checkpoint, question.dataset
    model = checkpoint.model()
    if chosen is not None:
        model = dataclasses.replace(model, config=choose_dataset(model, chosen))
    place, downloads = question.data_dir, DownloadProgress()
    data = load_data([checkpoint], [model], chosen, question.split, place, downloads)
    other_names = warnings_of_classes(model, data)
    for warning in other_names:
        note(f"warning: {warning}")
    samples, index = choose_samples(model.config, data, question.split)
    score = score_together([model], [checkpoint.path], 1, samples, index)
    numbers = np.arange(len(samples)) if index is None else index
    inputs = samples.inputs if index is None else samples.inputs[index]
    threads = model.config.train.blas_threads
    with blas_threads(threads), Workers(max(1, available_cores() // threads)) as workers:
        answers = answers_to(Ensemble([model]), inputs, workers)
    return Examined(
        name=name,
        checkpoint=checkpoint,
        model=checkpoint.model(fast=False),
        dataset=data.name,
        split=question.split,
        score=score,
        inputs=inputs,
        targets=samples.targets[numbers],
        numbers=numbers,
        answers=answers,
        history=history_of(given, checkpoint),
        environment=environment_of(checkpoint.path.parent),
        commands=commands_of(given, question),
        warnings=[*opened.warnings, *other_names],
    )


def history_of(given: Path, checkpoint: Checkpoint) -> Sequence[Mapping[str, Any]]:
    """Return what was recorded after each epoch: of a run, those after its best one, too."""
    from bpnet.report.curves import read_history

    if what_is_at(given) == DIRECTORY:
        try:
            return read_history(given.name, given).records
        except CheckpointError:  # no epoch is complete, or the file is lost
            pass
    progress = checkpoint.record.get("progress")
    history: Sequence[Mapping[str, Any]] = () if progress is None else progress["history"]
    return history


def environment_of(run_dir: Path) -> dict[str, Any]:
    """Return what a run was trained with; nothing where that is not known."""
    from bpnet.model.run_files import ENVIRONMENT, read_text

    try:
        found = json.loads(read_text(run_dir / ENVIRONMENT))
    except (BpnetError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def commands_of(given: Path, question: Question) -> list[tuple[str, str]]:
    """Return commands that repeat what the page shows, with what each does.

    They begin with plain `bpnet`: a page is passed on to others.
    """
    from bpnet.model.run_files import CONFIG

    def line(*words: object) -> str:
        return " ".join(["bpnet", *(quoted(str(word)) for word in words)])

    commands = [(line("eval", given, *question.options()), "scores it again")]
    if what_is_at(given) == DIRECTORY:
        config, data = given / CONFIG, question.data_options()
        verify = line("verify-run", given, *data)
        commands.insert(0, (line("train", "--config", config, *data), "trains it again"))
        commands.append((verify, "trains it again, and compares every epoch"))
    return commands
