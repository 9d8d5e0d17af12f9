"""Train a stored run anew, write nothing, and find where it differs from what is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bpnet.data.dataset import Dataset
from bpnet.errors import CheckpointError, DivergedError
from bpnet.model.checkpoint import Checkpoint, load_checkpoint
from bpnet.model.model import Model
from bpnet.model.run_files import BEST, LAST, METRICS
from bpnet.model.workers import Workers
from bpnet.training.differences import Difference, checkpoint_differences, value_differences
from bpnet.training.loop import Trainer
from bpnet.training.progress import Progress
from bpnet.training.resume import demand_same_data, extend
from bpnet.training.stored_run import StoredRun, stored_config_differences
from bpnet.training.transfer import origin, take_weights


class Replay(Trainer):
    """Train a run anew; where a run would save its state, compare it with what is stored.

    Args:
        model: the network with its starting weights; trained in place.
        dataset: what the stored run was trained on.
        workers: what computes the shards.
        stored: what to compare with.
        to_the_end: go on after a difference.

    Raises:
        CheckpointError: the stored run was trained on other data.
    """

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        workers: Workers,
        stored: StoredRun,
        *,
        to_the_end: bool,
    ) -> None:
        super().__init__(model, dataset, stored.run_dir, workers, dataset.fingerprint())
        demand_same_data(stored.last, self.fingerprint)
        self.stored = stored
        self.to_the_end = to_the_end
        self.differences = stored_config_differences(stored)
        self.left = sorted(filter(None, (stored.best, stored.last)), key=_place)
        self.compared = 0  # epochs whose metrics have been compared
        self.started_from = stored.last.record.get("started_from")
        self.progress = Progress(stored.progress.planned[:1])
        self.schedule = self._build_schedule()

    @property
    def done(self) -> bool:
        """Return whether nothing is left to compare, or a difference answers the question."""
        return not self.left or bool(self.differences and not self.to_the_end)

    @property
    def is_where_one_was_stored(self) -> bool:
        """Return whether the next checkpoint to compare was written at this very step."""
        return bool(self.left) and _place(self.left[0]) == self._here

    @property
    def _here(self) -> tuple[int, int]:
        return self.progress.epoch, self.progress.batch

    def save(self, *, best: bool = False) -> None:
        """Compare the state with what is stored; where nothing is left to compare, end the run."""
        self._compare_metrics()
        while self.is_where_one_was_stored:
            stored = self.left.pop(0)
            now = Checkpoint(stored.path, *self.state())
            self.differences += checkpoint_differences(stored, now)
        if self.done:
            self.progress.ends = [self.progress.epoch]

    def _compare_metrics(self) -> None:
        """Compare the epochs that have ended since the last call."""
        files = ((METRICS, self.stored.metrics), (LAST, self.stored.progress.history))
        for now in self.progress.history[self.compared :]:
            self.compared += 1
            for file, lines in files:
                if self.compared <= len(lines):
                    stored = lines[self.compared - 1]
                    self.differences += value_differences(self.compared, file, stored, now)

    def extend(self) -> bool:
        """Extend the finished run as the stored one was; return whether it was."""
        extensions = self.stored.progress.planned[len(self.progress.planned) :]
        more = extensions[0] - self.progress.epoch if extensions else 0
        if more < 1:
            return False
        now = Checkpoint(self.stored.run_dir, *self.state())
        self.restore(now, extend(self.progress, self.config, f"+{more}"))
        return True

    def missing(self) -> list[Difference]:
        """Return what the stored files hold too much or too little of."""
        stored, epoch = self.stored, self.progress.epoch
        differences = []
        lines, epochs = len(stored.metrics), stored.progress.epoch
        if lines > epochs or (lines < epochs and stored.progress.finished):
            # A run under way may have been killed, or read, before it wrote the last line.
            differences.append(Difference(min(lines, epochs) + 1, METRICS, "lines", lines, epochs))
        for checkpoint in self.left:
            name, (at, batch) = checkpoint.path.name, _place(checkpoint)
            place = f"epoch {at + 1}, {batch} steps done"
            found = f"ended after epoch {epoch}"
            differences.append(Difference(at + 1, name, "progress", place, found))
        if stored.best is None and stored.progress.best_epoch:
            differences.append(
                Difference(stored.progress.best_epoch, BEST, "file", None, "a checkpoint")
            )
        return differences


def take_first_weights(model: Model, stored: StoredRun) -> None:
    """Give a model the weights from another run with which the stored run began, if it did.

    Raises:
        CheckpointError: their checkpoint is missing, or is another one by now.
    """
    started_from = stored.last.record.get("started_from")
    if started_from is None:
        return
    path = Path(str(started_from["checkpoint"]))
    hint = "the run began with these weights: put their checkpoint back"
    try:
        checkpoint = load_checkpoint(path, weights_only=True)
        now = origin(checkpoint)["sha256"]
    except CheckpointError as error:
        raise CheckpointError(
            "the weights with which the run began cannot be read",
            where=path,
            expected=f"a checkpoint with SHA-256 {started_from['sha256']}",
            found=error.what,
            hint=hint,
        ) from error
    if now != started_from["sha256"]:
        raise CheckpointError(
            "the weights with which the run began were replaced",
            where=path,
            expected=f"SHA-256 {started_from['sha256']}",
            found=now,
            hint=hint,
        )
    take_weights(model.network, checkpoint)


def _place(checkpoint: Checkpoint) -> tuple[int, int]:
    """Return the complete epochs, and the steps in the next one."""
    progress = checkpoint.record["progress"]
    return progress["epoch"], progress["batch"]


def replay(trainer: Replay, should_stop: Callable[[], int] = lambda: 0) -> list[Difference]:
    """Train until all that is stored has been compared; return the differences, first epoch first.

    Args:
        trainer: at its first step.
        should_stop: asked after each step; where it says yes, what was compared so far counts.
    """
    differences: list[Difference] = []
    try:
        while not trainer.done and not should_stop():
            finished = trainer.run(lambda: should_stop() or trainer.is_where_one_was_stored)
            if finished and not trainer.done and not trainer.extend():
                break
    except DivergedError as error:
        epoch = trainer.progress.epoch + 1
        differences.append(Difference(epoch, LAST, "course", "went on", error.what))
    differences = trainer.differences + differences
    if not should_stop() and (trainer.to_the_end or not differences):
        differences += trainer.missing()
    return sorted(differences, key=lambda difference: difference.epoch)
