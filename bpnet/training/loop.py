"""Train a network: shuffle, step, validate, save; stop cleanly, go on exactly.

The loop prints nothing: it reports to an observer and raises what goes wrong.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset
from bpnet.data.split import numbers_of_epoch, order_of_epoch, shuffled, split_samples
from bpnet.errors import CheckpointError, DivergedError
from bpnet.model.checkpoint import Checkpoint
from bpnet.model.model import Model
from bpnet.model.run_files import BEST, LAST
from bpnet.model.score import Score, evaluate
from bpnet.model.workers import Workers
from bpnet.training.averaging import AveragedWeights
from bpnet.training.divergence import diverged
from bpnet.training.observer import Observer
from bpnet.training.optimizers import build_optimizer
from bpnet.training.progress import Progress
from bpnet.training.ranks.ranks import ALONE, Ranks
from bpnet.training.resume import demand_same_data
from bpnet.training.saving import model_record, named_arrays, save_checkpoint, write_metrics
from bpnet.training.schedule import Schedule
from bpnet.training.step.batch import Batch
from bpnet.training.step.engine import Engine
from bpnet.training.step.supply import NO_SAMPLES, supply_of
from bpnet.training.validation import epoch_metrics, mean_errors, validate

PROBE = 1000  # training samples whose loss is compared before and after a run: in 0.1 s at most


class Trainer:
    """Hold everything that a run needs.

    Args:
        model: the network with its starting weights; trained in place.
        dataset: training and validation samples are taken from its training part, or training
            takes those that are drawn without end.
        run_dir: where checkpoints and metrics are written; must exist.
        workers: what computes the shards.
        fingerprint: the data set's, stored in checkpoints.
        ranks: who else takes part in this run; rank 0 alone writes files.

    Raises:
        DataError: validation would leave nothing to train on.
    """

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        run_dir: Path,
        workers: Workers,
        fingerprint: str,
        ranks: Ranks = ALONE,
    ) -> None:
        config = model.config
        self.model = model
        self.dataset = dataset
        self.samples = dataset.train
        self.run_dir = run_dir
        self.workers = workers
        self.ranks = ranks
        self.observer = Observer()
        self.fingerprint = fingerprint
        self.kept, self.validation = ranks.share(lambda: split_samples(config, dataset))
        self.training = numbers_of_epoch(dataset, self.kept)
        self.steps_per_epoch = -(-len(self.training) // config.train.samples_per_step)
        self.progress = Progress([config.train.epochs])
        self.schedule = self._build_schedule()
        parameters, grad_clip = model.network.parameters, config.train.grad_clip
        self.optimizer = build_optimizer(parameters, config.optimizer, grad_clip)
        self.averaged = AveragedWeights(model.network, config.train.ema)
        most = min(config.train.samples_per_step, len(self.training))
        source = supply_of(config, dataset, most, ranks) or self.samples
        self.engine = Engine(model, source, most, self.optimizer, self.averaged, workers, ranks)
        self.started_from: dict[str, str] | None = None  # the checkpoint that gave the weights
        self.last_loss: float | None = None  # that of `probe` when the run is finished
        self.temperature: float | None = None  # fitted after the last complete epoch
        self._began = time.perf_counter()

    @property
    def config(self) -> Config:
        """Return the effective config."""
        return self.model.config

    def restore(self, checkpoint: Checkpoint, progress: Progress) -> None:
        """Go on where a checkpoint was written.

        Args:
            checkpoint: a run with the same config.
            progress: its progress, extended where more epochs are wanted.

        Raises:
            CheckpointError: it was trained on other data or belongs to another network.
        """
        demand_same_data(checkpoint, self.fingerprint)
        seen = min(progress.batch * self.config.train.samples_per_step, len(self.training))
        if progress.batch > self.steps_per_epoch or progress.seen != seen:
            raise CheckpointError(
                "the checkpoint's place in its epoch is none of this run",
                where=checkpoint.path,
                expected=f"{self.steps_per_epoch} batches of {len(self.training)} samples at most",
                found=f"{progress.batch} batches with {progress.seen} samples",
            )
        network = self.model.network
        checkpoint.restore("parameters", network.parameters)
        checkpoint.restore("state", network.state)
        for name, memory in self.optimizer.memories.items():
            checkpoint.restore(f"optimizer/{name}", memory)
        for name, arrays in self.averaged.groups().items():
            checkpoint.restore(name, arrays)
        self.started_from = checkpoint.record.get("started_from")
        self.temperature = checkpoint.record.get("temperature")
        self.progress = progress
        self.schedule = self._build_schedule()

    def run(self, should_stop: Callable[[], int] = lambda: 0) -> bool:
        """Train until the last epoch ends, or until `should_stop` says so after a step.

        It returns the signal that asked for it, or 0; on several ranks one of them is enough. Every
        state that can be left is saved first.

        Returns:
            Whether the run is finished.

        Raises:
            DivergedError: a loss or weight is not finite; the last good checkpoint stays.
            CheckpointError: a checkpoint cannot be written.
            WorkerError: a process has been killed, or stopped for too long, within a step, or
                another rank has failed; the last checkpoint stays.
        """
        self.ranks.watch(should_stop)
        self._began = time.perf_counter() - self.progress.seconds
        if self.progress.step == 0 and self.ranks.leads:
            self.save()
            first = self.probe()
            self.progress.first_loss = first if math.isfinite(first) else None
        self.engine.watch(lambda: bool(should_stop()))
        with self.engine:
            finished = self._run_epochs()
        self.engine.rest()
        if finished and self.ranks.leads:
            self.last_loss = self.probe()
        return finished

    def _run_epochs(self) -> bool:
        """Train epoch after epoch; return whether all are done."""
        config, progress = self.config, self.progress
        while not progress.finished:
            completed = self._run_epoch()
            self.engine.collect()
            if not np.isfinite(self.model.network.parameters.flat).all():
                raise self._diverged(progress.epoch + 1, progress.step)
            if not completed:
                self.save()
                return False
            improved = self._close_epoch()
            if progress.finished or progress.epoch % config.checkpoint.every == 0 or improved:
                self.save(best=improved)
            self.observer.epoch_ended(progress.history[-1])  # saved before it is shown
        return True

    def save(self, *, best: bool = False) -> None:
        """Write the state of the run to `last.npz`, and to `best.npz` where it is the best.

        The best comes first: a run killed between the two does the epoch again, and finds it again.
        """
        self.progress.seconds = time.perf_counter() - self._began
        if not self.ranks.leads:
            return
        record, arrays = self.state()
        for name in (BEST, LAST) if best or not len(self.validation) else (LAST,):
            save_checkpoint(self.run_dir / name, record, arrays)
        write_metrics(self.run_dir, self.progress.history)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the record and the arrays of a checkpoint; the arrays are views of the run's."""
        record = model_record(self.model) | {
            "temperature": self.temperature,
            "progress": self.progress.record(),
            "fingerprint": self.fingerprint,
            "random": {
                "generator": "SFC64 of (seed, purpose, place)",
                "seed": self.config.train.seed,
                "epoch": self.progress.epoch,
                "step": self.progress.step,
            },
        }
        if self.started_from is not None:
            record["started_from"] = self.started_from
        memories = {f"optimizer/{name}": array for name, array in self.optimizer.memories.items()}
        network = {"parameters": self.model.network.parameters, "state": self.model.network.state}
        return record, named_arrays(network | memories | self.averaged.groups())

    def _build_schedule(self) -> Schedule:
        rate = self.config.optimizer.learning_rate
        ends = self.progress.ends
        return Schedule(self.config.schedule, rate, self.steps_per_epoch, ends)

    def _run_epoch(self) -> bool:
        """Do the steps that are left in the epoch under way; return whether all were done."""
        progress = self.progress
        seed = self.config.train.seed
        order = order_of_epoch(self.dataset, self.training, seed, progress.epoch)
        size = self.config.train.samples_per_step
        self.observer.epoch_started(progress.epoch + 1, self.steps_per_epoch, progress.batch)
        began = time.perf_counter() - progress.epoch_seconds
        while progress.batch < self.steps_per_epoch:
            start, end = progress.batch * size, (progress.batch + 1) * size
            loss = self.step(order[start:end], order[end:])
            progress.epoch_seconds = time.perf_counter() - began
            self.observer.step_done(loss)
            if self.ranks.stopped_by():
                return False
        return True

    def step(self, index: NDArray[np.int64], upcoming: NDArray[np.int64] = NO_SAMPLES) -> float:
        """Take one step on the samples with these numbers; return the batch's mean loss."""
        progress = self.progress
        rate = self.schedule.rate(progress.step)
        result = self.engine.step(Batch(index, progress.epoch, progress.step, rate), upcoming)
        if not math.isfinite(result.loss_sum):
            epoch, step = progress.epoch + 1, progress.step + 1
            self.engine.collect()
            looked_at = None
            if self.ranks.leads and self.dataset.endless is None:
                looked_at = self.samples.inputs[index]
            elif self.ranks.leads:
                looked_at = self.engine.stored(index, progress.epoch)
            raise self._diverged(epoch, step, looked_at)
        progress.step += 1
        progress.batch += 1
        progress.loss_sum += result.loss_sum
        progress.correct += result.correct
        progress.seen += len(index)
        return result.loss_sum / len(index)

    def _close_epoch(self) -> bool:
        """Validate, note the epoch's metrics, and return whether it is the best one so far."""
        progress = self.progress
        if len(self.validation):
            self.engine.rest()
        score = self.validate()
        is_classes = self.samples.targets.ndim == 1 or self.model.network.loss.answers_questions
        rate = self.schedule.rate(progress.step - 1)
        record = epoch_metrics(progress, rate, score, is_classes=is_classes)
        if not is_classes:
            with self.averaged.in_use():
                trained = self.ranks.share(
                    lambda: evaluate(self.model, self.samples, self.workers, self.kept)
                )
            record |= mean_errors(trained, score)
        progress.history.append(record)
        progress.close_epoch()
        improved = score is not None and progress.note(score.accuracy or 0.0, score.training_loss)
        patience = self.config.train.early_stopping
        waited = progress.epoch - progress.patience_from
        progress.stopped_early = 0 < patience <= waited
        return improved

    def validate(self) -> Score | None:
        """Score the weights that eval and predict would use on the held-out samples."""
        if not len(self.validation):
            return None
        scored = self.model, self.samples, self.workers, self.validation
        with self.averaged.in_use():
            score, self.temperature = validate(*scored, self.ranks)
        if not np.isfinite([score.loss, score.training_loss]).all():
            raise self._diverged(self.progress.epoch + 1, self.progress.step)
        return score

    def probe(self) -> float:
        """Return the mean loss of some training samples as they are, neither distorted nor dropped.

        They are always the same ones, so that the run's end can be compared with its beginning; of
        endless digits, some that are kept.
        """
        some = shuffled(self.kept, self.config.train.seed, 0)[:PROBE]
        with self.averaged.in_use():
            return evaluate(self.model, self.samples, self.workers, some).training_loss

    def _diverged(
        self, epoch: int, step: int, samples: NDArray[Any] | None = None
    ) -> DivergedError:
        """Return the error for a step after which a number is not finite."""
        improved = self.progress.has_improved
        return diverged(self.model, epoch, step, samples, self.run_dir, has_improved=improved)
