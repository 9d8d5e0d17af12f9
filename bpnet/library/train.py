"""Train a network from Python."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.config.settings import Override
from bpnet.errors import BpnetWarning, ConfigError
from bpnet.library.advice import python_advice
from bpnet.library.begin_run import Begun, Wanted, begun
from bpnet.library.figures import training_loss_name
from bpnet.library.opening import named_place
from bpnet.library.own_data import what_to_learn
from bpnet.library.run import Epoch, Run
from bpnet.library.run_start import StartObserver
from bpnet.library.settings import Place, Settings, file_name, overrides_of, read_settings
from bpnet.training.observer import Observer

if TYPE_CHECKING:
    from bpnet.model.checkpoint import Checkpoint

OnEpoch = Callable[[Epoch], object]


def train(
    config: Place | Settings | None = None,
    *,
    data: Any = None,
    test: Any = None,
    classes: tuple[str, ...] | list[str] | None = None,
    epochs: int | str | None = None,
    seed: int | None = None,
    workers: int | str | None = None,
    settings: Settings | None = None,
    run_dir: Place | None = None,
    data_dir: Place | None = None,
    mirror: str | None = None,
    resume: Place | None = None,
    weights: Place | None = None,
    on_epoch: OnEpoch | None = None,
) -> Run:
    """Train a network, and score it on the test samples, as `bpnet train` does.

    >>> run = bpnet.train("keras", epochs=3)
    >>> run.epochs, run.history[-1].epoch
    (3, 3)
    >>> longer = bpnet.train(resume=run, epochs="+2")
    >>> longer.epochs, longer.test_loss < run.test_loss
    (5, True)

    With pictures and labels of your own:
    `bpnet.train("mlp", data=(images, labels), settings={"train.batch_size": 32}, on_epoch=print)`.

    It prints nothing. Ctrl-C (`KeyboardInterrupt`) ends it at once; the run can go on from its last
    checkpoint, which is written after every epoch.

    Args:
        config: a preset, an example or a config file; or settings by section and key, as
            `{"model": {"layers": ["flatten", "linear 10"]}}`.
        data: what to learn from, instead of what the config names: the name of a data set, a
            folder, or a pair of pictures (samples, height, width) in uint8 and their labels
            (samples,), whole numbers or texts.
        test: a pair like `data` to score on; without it, every seventh sample is held out.
        classes: names of the classes of `data`, in the order of their labels.
        epochs: in total; `"+2"` adds some to a run that is resumed.
        seed: of all random draws.
        workers: how many compute, or of what kind, as `2`, `"threads"`, `"2 processes"`.
        settings: that change those of the config: `{"train.batch_size": 32}`, or by section.
        run_dir: where to save the run; by default, a new directory below `runs`.
        data_dir: where data sets lie.
        mirror: the address of a server that data sets are downloaded from first.
        resume: a run, its directory, or a checkpoint to go on from; a run goes on in place.
        weights: one whose weights the new run begins with, as far as they fit.
        on_epoch: is called with every `Epoch` after it was saved.

    Returns:
        The finished run: scores, history, paths.

    Raises:
        ConfigError: the config is wrong, or does not fit the data.
        DataError: the data are no pictures and labels, or cannot be had.
        CheckpointError: the run directory is not free, or the old run cannot go on.
        DivergedError: a loss or weight is no longer finite.
    """
    _demand_function(on_epoch)
    overrides = _given(_whole_epochs(epochs) if resume is None else None, seed, workers)
    overrides += () if settings is None else overrides_of(settings, "settings")
    learned = what_to_learn(data, test, classes)
    if learned.dataset is None or resume is None:  # a run that goes on has settings of its own
        overrides += _as_overrides("data", learned.settings(config, overrides))
    whole = None
    if isinstance(config, Mapping):
        if resume is None:
            whole = read_settings(config, overrides, "config")
        else:
            overrides = (*overrides_of(config, "config"), *overrides)
    wanted = Wanted(
        source=None if config is None or isinstance(config, Mapping) else file_name(config),
        overrides=overrides,
        resume=_place(resume),
        weights=_place(weights),
        epochs=None if resume is None or epochs is None else str(epochs),
        run_dir=None if run_dir is None else Path(run_dir),
        data_dir=None if data_dir is None or learned.is_folder else Path(data_dir),
        mirror=mirror,
        config=whole,
    )
    with python_advice(), begun(wanted, Warnings(), dataset=learned.dataset) as run:
        return to_the_end(run, on_epoch)


def to_the_end(run: Begun, on_epoch: OnEpoch | None) -> Run:
    """Train until the last epoch ends, and return the run with its score.

    Args:
        run: that has begun.
        on_epoch: is called with every epoch.
    """
    from bpnet.training.run import finish_run

    trainer = run.trainer
    listener = EpochListener(trainer.progress.ends[-1], training_loss_name(trainer.model), on_epoch)
    trainer.observer = listener
    try:
        trainer.run()
    except KeyboardInterrupt as stop:
        stop.add_note(f"the run is saved; go on with bpnet.train(resume={str(trainer.run_dir)!r})")
        raise
    score, found = finish_run(trainer, run.dataset)
    for warning in found["warnings"]:
        warnings.warn(warning, BpnetWarning, stacklevel=3)
    return Run(
        run_dir=trainer.run_dir,
        best_checkpoint=Path(found["best_checkpoint"]),
        last_checkpoint=Path(found["last_checkpoint"]),
        history=tuple(map(listener.epoch, trainer.progress.history)),
        steps=found["steps"],
        seconds=found["seconds"],
        samples_per_second=found["samples_per_second"],
        stopped_early=found["stopped_early"],
        test_loss=score.loss,
        test_accuracy=score.accuracy,
        test_errors=score.errors,
        test_mae=score.mean_absolute_error,
        test_mse=score.mean_squared_error,
        warnings=tuple(found["warnings"]),
    )


class EpochListener(Observer):
    """Hand every epoch of a run to a function.

    Args:
        epochs: of the run.
        loss_name: what its training loss is called.
        on_epoch: receives them.
    """

    def __init__(self, epochs: int, loss_name: str, on_epoch: OnEpoch | None) -> None:
        self.epochs = epochs
        self.loss_name = loss_name
        self.on_epoch = on_epoch

    def epoch(self, record: Mapping[str, Any]) -> Epoch:
        """Return what a run recorded of an epoch."""
        return Epoch.of(record, self.epochs, self.loss_name)

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Hand an epoch on."""
        if self.on_epoch is not None:
            self.on_epoch(self.epoch(record))


class Warnings(StartObserver):
    """Warn of what the user should know before a run begins."""

    def resumes(self, checkpoint: Checkpoint) -> None:
        """Warn where the run goes on with sizes that fit another processor than before."""
        from bpnet.training.stored_run import other_processor

        if other := other_processor(checkpoint.path.parent):
            text = f"the sizes of this run were chosen for another processor, {other}: "
            text += "it goes on, but rounds differently"
            warnings.warn(text, BpnetWarning, stacklevel=2)

    def weights_from(self, checkpoint: Checkpoint) -> None:
        """Warn where weights were hardly trained."""
        for warning in checkpoint.warnings():
            warnings.warn(warning, BpnetWarning, stacklevel=2)


def _demand_function(on_epoch: Any) -> None:
    """Make sure, before anything is trained, that epochs can be told.

    Raises:
        ConfigError: they cannot.
    """
    if on_epoch is not None and not callable(on_epoch):
        found = type(on_epoch).__name__
        raise ConfigError("this is no function", where="on_epoch", found=found)


def _whole_epochs(epochs: int | str | None) -> int | str | None:
    """Return the epochs of a new run, to which none can be added.

    Raises:
        ConfigError: that was asked for.
    """
    if str(epochs).startswith("+"):
        what, hint = "epochs are added to a run that goes on", "name the run with resume="
        raise ConfigError(what, where="epochs", found=epochs, hint=hint)
    return epochs


def _given(
    epochs: int | str | None, seed: int | None, workers: int | str | None
) -> tuple[str, ...]:
    """Return the settings that have arguments of their own."""
    given = {"epochs": epochs, "seed": seed, "workers": workers}
    return _as_overrides("train", {name: v for name, v in given.items() if v is not None})


def _as_overrides(section: str, given: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(Override(f"{section}.{key}", value, key) for key, value in given.items())


def _place(given: Place | None) -> Path | None:
    return None if given is None else named_place(Path(given))
