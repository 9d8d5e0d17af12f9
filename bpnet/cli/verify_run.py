"""Train a run anew, and name the first place where it differs from what was stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import options
from bpnet.cli.checkpoints import CHECKPOINT
from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import WORKERS, as_on, data_dir
from bpnet.cli.output import note, show, show_json
from bpnet.library.figures import training_loss_name

if TYPE_CHECKING:
    from bpnet.training.differences import Difference
    from bpnet.training.stored_run import StoredRun
    from bpnet.training.verify import Replay


@click.command(
    cls=BpnetCommand,
    examples={
        "verify-run last": "the newest run",
        "verify-run last --workers 1": "with other workers, which change nothing",
    },
)
@click.argument("run_dir", type=CHECKPOINT, metavar="RUN_DIR")
@data_dir
@click.option(
    "--workers",
    type=WORKERS,
    metavar="N|KIND",
    help="As for `train`: who computes changes no result.",
)
@options.as_json
def command(run_dir: Path, data_dir: Path | None, workers: str | None, as_json: bool) -> None:
    """Train a run anew from its seed, and name the first epoch that differs from what was stored.

    Every metric is compared, and every bit of last.npz and best.npz, where the run was when they
    were written; only times may differ. The run may still be under way; nothing is written. Another
    processor or other libraries round differently: both are then named, with how far apart the
    results are, and which BPNET_PROCESSOR has the sizes of the run chosen here. The exit code is 1
    if anything differs.
    """
    from bpnet.cli.bars import RunDisplay
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.cli.signals import stop_request
    from bpnet.config.loading import load_overrides
    from bpnet.config.settings import Override
    from bpnet.data.load import load_dataset, with_data_dir
    from bpnet.errors import WorkerError
    from bpnet.machine import blas_threads
    from bpnet.training.run import choose_workers, prepare_model
    from bpnet.training.stored_run import machine_differences, other_processor, read_run
    from bpnet.training.verify import Replay, replay, take_first_weights

    given = () if workers is None else (Override("train.workers", workers, "--workers"),)
    wanted = load_overrides(given).train if given else None
    run_dir = run_dir.absolute()
    stored = read_run(run_dir)
    config = stored.config.with_workers(wanted.workers) if wanted else stored.config
    config = with_data_dir(config, data_dir)
    dataset = load_dataset(config, data_dir, progress=DownloadProgress())
    machine = machine_differences(run_dir)
    tell_machine(machine)
    if other := other_processor(run_dir):
        note(f"bpnet: to choose sizes as there, begin the command with {as_on(other)}")
    model = prepare_model(config, dataset)
    take_first_weights(model, stored)
    with blas_threads(config.train.blas_threads), choose_workers(config) as pool:
        trainer = Replay(model, dataset, pool, stored, to_the_end=bool(machine))
        trainer.observer = display = RunDisplay(stored.progress.ends[-1], training_loss_name(model))
        with stop_request() as stop:
            try:
                differences = replay(trainer, stop)
            except WorkerError as error:
                kind = stop.error() if stop() else WorkerError
                what = f"ended in the middle of a step: {error.what}"
                raise kind(what, where=run_dir, hint="verify the run again") from error
            finally:
                display.close()
    if stop():
        raise stop.error()(
            f"stopped; no difference in {trainer.compared} epochs"
            if not differences
            else f"stopped; the first difference is in epoch {differences[0].epoch}",
            where=run_dir,
        )
    if as_json:
        show_json(document(trainer, differences, machine))
    elif not differences:
        show(*text(stored))
    demand_equal(run_dir, differences, machine)


def tell_machine(machine: list[Difference] | None) -> None:
    """Write on standard error what may change the last bits."""
    if machine is None:
        note("bpnet: environment.json cannot be read: the run may be from another machine")
    elif machine:
        words = "the run was trained elsewhere, and may round differently here"
        note(f"bpnet: {words}: {machine_words(machine)}")


def machine_words(machine: list[Difference]) -> str:
    """Return what is other about the machine, in one line."""
    return "; ".join(f"{one.key} {one.stored}, here {one.found}" for one in machine)


def demand_equal(
    run_dir: Path, differences: list[Difference], machine: list[Difference] | None
) -> None:
    """Turn a difference into an error.

    Raises:
        CheckFailedError: there is one.
    """
    from bpnet.errors import CheckFailedError

    if not differences:
        return
    first = differences[0]
    apart = "" if first.relative is None else f" (relative difference {first.relative:.1e})"
    hint = None
    if machine:
        farthest = max(differences, key=lambda one: one.relative or 0.0)
        hint = "a machine like the one it was trained on; this one may round differently"
        hint += f" ({machine_words(machine)})"
        if farthest.relative:
            apart += f"; at most {farthest.relative:.1e} apart, in epoch {farthest.epoch}: "
            apart += f"{farthest.file}, {farthest.key}"
    raise CheckFailedError(
        f"trained anew, the run differs from what was stored, first in epoch {first.epoch}"
        if first.epoch
        else "the run differs from what was stored, before its first step",
        where=f"{run_dir / first.file}, {first.key}",
        expected=f"{first.stored!r}, as stored",
        found=f"{first.found!r}{apart}",
        hint=hint,
    )


def document(
    trainer: Replay, differences: list[Difference], machine: list[Difference] | None
) -> dict[str, Any]:
    """Return everything in plain values."""
    numbers = [one.relative for one in differences if one.relative is not None]
    return {
        "run_dir": str(trainer.run_dir),
        "equal": not differences,
        "epochs": trainer.compared,
        "steps": trainer.progress.step,
        "first_difference": row(differences[0]) if differences else None,
        "largest_relative_difference": max(numbers, default=None),
        "environment": None if machine is None else [row(one) for one in machine],
    }


def row(one: Difference) -> dict[str, Any]:
    """Return a difference in plain values."""
    return {
        "epoch": one.epoch,
        "file": one.file,
        "key": one.key,
        "stored": plain(one.stored),
        "found": plain(one.found),
        "relative_difference": one.relative,
    }


def plain(value: Any) -> Any:
    """Return a value that JSON can hold, as its text where it cannot."""
    import json
    import math

    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, str | int | float | None | list | dict):
        return str(value)
    try:
        json.dumps(value, indent=2, allow_nan=False)
    except (ValueError, RecursionError):  # NaN within a list, or lists nested too deeply
        return str(value)
    return value


def text(stored: StoredRun) -> list[str]:
    """Return the lines of the text for a run that differs nowhere."""
    progress = stored.progress
    count = len(stored.metrics)
    epochs = "1 epoch" if count == 1 else f"{count} epochs"
    lines = [f"equal, bit for bit: {epochs} of metrics.jsonl"]
    for checkpoint in filter(None, (stored.best, stored.last)):
        place = checkpoint.record["progress"]
        name, epoch, step = checkpoint.path.name, place["epoch"], place["step"]
        lines.append(f"{name} after epoch {epoch}, step {step}: all weights, all that was summed")
    if not progress.finished:
        lines.append(f"the run is unfinished: {progress.ends[-1]} epochs were asked for")
    return lines
