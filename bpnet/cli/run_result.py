"""Report how a run ended: its score, its warnings, and commands to try next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.cli.options import command_line
from bpnet.cli.output import note, show
from bpnet.cli.run_start import data_option
from bpnet.library.figures import loss_text, percent

if TYPE_CHECKING:
    from bpnet.model.model import Model
    from bpnet.model.score import Score
    from bpnet.training.loop import Trainer


def tell_ending(trainer: Trainer, data_dir: Path | None) -> None:
    """Write to standard error why a run ended early, and whether it did more harm than good."""
    from bpnet.training.divergence import smaller_rate
    from bpnet.training.run import warnings

    progress, config = trainer.progress, trainer.config
    if progress.stopped_early:
        waited = progress.epoch - progress.patience_from
        epochs = "1 epoch" if waited == 1 else f"{waited} epochs"
        place = f"stopped early after epoch {progress.epoch} of {progress.ends[-1]}"
        note(f"{place}: no better validation for {epochs}")
    for warning in warnings(trainer):
        origin = trainer.started_from
        start = ["--from", origin["checkpoint"]] if origin else []
        words = ["--config", trainer.run_dir / "config.ini", *start, "--set", smaller_rate(config)]
        mend = command_line("train", *words, *data_option(data_dir))
        note(f"warning: {warning}", f"  try: a smaller learning rate: {mend}")


def next_commands(model: Model, run_dir: Path, data_dir: Path | None) -> list[str]:
    """Return commands to try next, which run as they are."""
    from bpnet.model.run_files import ASSETS

    where = data_option(data_dir)
    commands = [command_line("eval", run_dir, *where)]
    reads_digits = model.reads_pictures and model.class_names[0].isdigit()
    if reads_digits:  # the picture that ships with bpnet shows one
        commands.append(command_line("predict", "--checkpoint", run_dir, ASSETS / "nine.jpg"))
        commands.append(command_line("draw", "--checkpoint", run_dir))
    commands.append(command_line("train", "--resume", run_dir, "--epochs", "+2", *where))
    return commands


def tell(result: dict[str, Any], score: Score, where: str, commands: list[str]) -> None:
    """Write the score, with mean errors if targets are plain numbers, and the next commands.

    Args:
        result: what the run came to, in plain values.
        score: that of its best checkpoint.
        where: words for the samples that were scored.
        commands: what to try next.
    """
    if result["test_accuracy"] is not None:
        errors = "1 error" if result["test_errors"] == 1 else f"{result['test_errors']} errors"
        loss = loss_text(result["test_loss"])
        accuracy = percent(result["test_accuracy"])
        show(f"{where} accuracy {accuracy} ({errors}), loss {loss}")
    else:
        means = f"mae {score.mean_absolute_error:.6g}, mse {score.mean_squared_error:.6g}"
        show(f"{where} loss {result['test_loss']:.6g}, {means}")
    epochs = "1 epoch" if result["epochs"] == 1 else f"{result['epochs']} epochs"
    early = " (stopped early)" if result["stopped_early"] else ""
    speed = f"{result['samples_per_second']:,.0f} samples/s" if result["epochs"] else ""
    show(f"{epochs}{early} in {result['seconds']:.1f} s  {speed}")
    if result["finite_differences"] is not None:
        show(*slowdown_lines(result["finite_differences"]))
    show("", "next:")
    for line in commands:
        show(f"  {line}")


def slowdown_lines(cost: dict[str, Any]) -> list[str]:
    """Return what finite differences have cost, beside what backpropagation would have."""
    passes, steps = f"{cost['forward_passes']:,}", f"{cost['backpropagation_passes']:,}"
    seconds = cost["step_seconds"], cost["backpropagation_step_seconds"]
    took, takes = (f"{1e3 * value:,.3g} ms" for value in seconds)
    return [
        f"gradients by finite differences: {passes} passes forward; "
        f"backpropagation takes {steps}, and {steps} back",
        f"a step takes {took}, by backpropagation {takes}: {cost['slowdown']:,.1f} times as long",
    ]
