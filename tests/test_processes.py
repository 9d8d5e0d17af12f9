"""Processes that compute shards: the same bits as threads, and no trace when they end."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from tiny import NET, TRAIN, after, draw_dataset, new_trainer, read_config, weights

from bpnet.errors import BpnetError
from bpnet.training.loop import Trainer
from bpnet.training.parallel import Shard, ThreadTeam, Workers
from bpnet.training.processes import CAN_FORK, ProcessTeam, build_team

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
CONFIG = read_config(NET.replace("relu", "batchnorm\n    relu\n    dropout 0.2") + TRAIN)


def lives(process: int) -> bool:
    """Tell whether a process of this number exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def children(trainer: Trainer) -> list[int]:
    """Return the processes that the trainer's team has forked."""
    assert isinstance(trainer.team, ProcessTeam)
    return list(trainer.team._children)


def test_processes_and_threads_give_the_same_bits(tmp_path: Path) -> None:
    results = []
    for kind in (ProcessTeam, ThreadTeam):
        with Workers(2) as workers:
            trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / kind.__name__, workers)
            assert isinstance(trainer.team, ProcessTeam)
            if kind is ThreadTeam:
                trainer.team = ThreadTeam(trainer.shards, workers)
            trainer.run()
        results.append(weights(trainer.model))
        assert np.isfinite(results[-1]).all()
    np.testing.assert_array_equal(results[0], results[1])


def test_processes_end_with_the_run(tmp_path: Path) -> None:
    seen: list[int] = []
    with Workers(2) as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)

        def look_and_stop() -> bool:
            seen.extend(children(trainer))
            return len(seen) >= 3

        assert trainer.run(look_and_stop) is False
    assert len(set(seen)) == 1
    assert not lives(seen[0])
    assert children(trainer) == []


def test_a_killed_process_is_told_and_leaves_none_behind(tmp_path: Path) -> None:
    with Workers(2) as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)
        killed: list[int] = []

        def kill() -> bool:
            if not killed:
                killed.extend(children(trainer))
                os.kill(killed[0], signal.SIGKILL)
            return False

        with pytest.raises(BpnetError, match="worker process has ended") as raised:
            trainer.run(kill)
    assert "--resume" in str(raised.value)
    assert not lives(killed[0])
    assert (tmp_path / "run" / "last.npz").is_file()


def test_an_exception_in_a_process_is_raised_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = Shard.compute

    def fail_in_second(self: Shard, *arguments: object) -> None:
        if self.number == 1:
            raise MemoryError("no room")
        compute(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Shard, "compute", fail_in_second)
    with Workers(2) as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)
        with pytest.raises(MemoryError, match="no room"):
            trainer.run()
    assert children(trainer) == []


def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    parent = os.fork()
    if not parent:  # a parent of its own, which dies without any chance to clean up
        with Workers(2) as workers:
            trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)

            def tell_and_die() -> bool:
                os.write(writing, str(children(trainer)[0]).encode())
                os.kill(os.getpid(), signal.SIGKILL)
                return True

            trainer.run(tell_and_die)
    os.close(writing)
    os.waitpid(parent, 0)
    child = int(os.read(reading, 32))
    os.close(reading)
    end = time.monotonic() + 10
    while lives(child) and time.monotonic() < end and not _is_zombie(child):
        time.sleep(0.01)
    assert not lives(child) or _is_zombie(child)


def _is_zombie(process: int) -> bool:
    """Tell whether a process has ended and only waits for somebody to ask for its exit code."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_one_worker_needs_no_process(tmp_path: Path) -> None:
    with Workers(1) as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)
        assert isinstance(build_team(trainer.shards, workers), ThreadTeam)
        trainer.run(after(2))
