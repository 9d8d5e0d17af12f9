"""Runs on digits without end: the same bits whoever draws and computes, however they stop."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.errors import BpnetError, DivergedError
from bpnet.model.forks import CAN_FORK
from bpnet.model.workers import Workers
from bpnet.training.loop import Trainer
from tests.helpers.endless import REPEAT, STEPS, TEXT, few_digits
from tests.helpers.process_cases import lives, no_hanging
from tests.helpers.runs import assert_same_run, resume
from tests.helpers.tiny import after, new_trainer, read_config, train

AUGMENT = ("augment.shift=1", "augment.rotate=10", "augment.elastic_alpha=5")
UNITS = ("train.split=units",)
needs_forks = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")


@pytest.fixture(autouse=True)
def _no_hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("bpnet.training.step.ring.AHEAD", 4)  # what is not wanted takes time
    with no_hanging():
        yield


def let_draw(monkeypatch: pytest.MonkeyPatch, drawers: int) -> None:
    """Let as many processes draw, or this one where there is to be none."""
    monkeypatch.setattr("bpnet.training.step.supply.available_cores", lambda: drawers or 1)
    monkeypatch.setattr("bpnet.training.step.ahead.may_fork", lambda: drawers > 0)


# --- The same bits


@needs_forks
@pytest.mark.parametrize("overrides", [AUGMENT, (*UNITS, *AUGMENT)], ids=len)
def test_the_bits_do_not_depend_on_who_draws_and_who_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...]
) -> None:
    config, digits = read_config(TEXT, *overrides), few_digits()
    ways = [(0, 1, "threads"), (1, 1, "threads"), (3, 2, "processes"), (2, 2, "threads")]
    for number, (drawers, workers, kind) in enumerate(ways):
        let_draw(monkeypatch, drawers)
        trainer = train(config, tmp_path / str(number), digits, workers=workers, kind=kind)
        assert trainer.progress.epoch == 2
        assert trainer.progress.step == 2 * STEPS
        if number:
            assert_same_run(tmp_path / "0", tmp_path / str(number))


def pictures_of(monkeypatch: pytest.MonkeyPatch, run_dir: Path, *overrides: str) -> Any:
    """Train, and return all pictures in the order in which they were seen."""
    seen = []
    step = Trainer.step

    def watched(self: Trainer, index: Any, upcoming: Any) -> float:
        epoch = self.progress.epoch
        loss = step(self, index, upcoming)
        seen.append(self.engine.stored(index, epoch).copy())
        return loss

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", watched)
        train(read_config(TEXT, *overrides), run_dir, few_digits())
    return np.concatenate(seen)


def test_pictures_follow_from_their_numbers_whatever_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = few_digits().endless
    assert digits is not None
    drawn = np.concatenate([digits.draw(block)[0] for block in range(5)])[: 2 * REPEAT]
    for number, overrides in enumerate([(), ("train.shards=5", "train.batch_size=97")]):
        seen = pictures_of(monkeypatch, tmp_path / str(number), *overrides)
        np.testing.assert_array_equal(seen, drawn)


@pytest.mark.parametrize("steps", [3, STEPS, STEPS + 4])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, steps: int) -> None:
    config = read_config(TEXT, *AUGMENT)
    train(config, tmp_path / "straight", few_digits())
    trainer = train(config, tmp_path / "run", few_digits(), should_stop=after(steps))
    assert trainer.progress.step == steps
    resume(tmp_path / "run", dataset=few_digits())
    assert_same_run(tmp_path / "straight", tmp_path / "run")


def test_an_extended_run_sees_new_digits(tmp_path: Path) -> None:
    config = read_config(TEXT, "schedule.name=constant")
    longer = train(config.with_epochs(3), tmp_path / "one", few_digits())
    train(config, tmp_path / "run", few_digits())
    trainer = resume(tmp_path / "run", dataset=few_digits(), epochs="+1")
    assert trainer.progress.step == 3 * STEPS
    np.testing.assert_array_equal(
        trainer.model.network.parameters.flat, longer.model.network.parameters.flat
    )


def test_learning_works(tmp_path: Path) -> None:
    trainer = train(read_config(TEXT, "train.epochs=6"), tmp_path, few_digits())
    assert trainer.progress.history[-1]["train_accuracy"] > 0.6


# --- Ends


@needs_forks
def test_a_killed_drawing_process_ends_the_run_and_the_checkpoint_stays(tmp_path: Path) -> None:
    seen: list[int] = []
    with Workers(2, "processes") as workers:
        config = read_config(TEXT, "train.epochs=1000")
        trainer = new_trainer(config, few_digits(), tmp_path / "run", workers)

        def kill() -> bool:
            if not seen:
                assert trainer.engine.supply is not None
                seen.extend(trainer.engine.supply.children)
                os.kill(seen[0], signal.SIGKILL)
            return False

        with pytest.raises(BpnetError, match="drawing process has ended"):
            trainer.run(kill)
    assert not any(map(lives, seen))
    assert (tmp_path / "run" / "last.npz").is_file()


@needs_forks
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_drawing_processes_end_with_the_run(tmp_path: Path, error: type[BaseException]) -> None:
    seen: list[int] = []
    with Workers(1) as workers:
        trainer = new_trainer(read_config(TEXT), few_digits(), tmp_path / "run", workers)

        def stop() -> bool:
            assert trainer.engine.supply is not None
            seen.extend(trainer.engine.supply.children)
            raise error

        with pytest.raises(error):
            trainer.run(stop)
    assert seen
    assert not any(map(lives, seen))


def test_a_run_that_diverges_names_the_layer(tmp_path: Path) -> None:
    config = read_config(TEXT, "optimizer.learning_rate=1e30", "schedule.name=constant")
    with pytest.raises(DivergedError, match="linear"):
        train(config, tmp_path / "run", few_digits())
