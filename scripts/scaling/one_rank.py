"""Take steps, or send arrays to and fro, as one of the ranks that `measure_ranks.py` starts."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.loading import load_config
from bpnet.data.load import load_dataset
from bpnet.launcher import launched
from bpnet.machine import blas_threads
from bpnet.model.workers import Workers
from bpnet.training.loop import Trainer
from bpnet.training.ranks.joining import join
from bpnet.training.ranks.mpi import MpiRanks
from bpnet.training.ranks.ranks import ALONE, Ranks
from bpnet.training.run import prepare_model
from bpnet.training.step.batch import Batch

DRAWN = ("data.dataset=synthetic", "data.synthetic_train=6000", "data.synthetic_test=100")
WARM = 3  # steps of a turn before the first that is timed
LARGE = 4 << 20  # bytes


class TimedMeeting:
    """Add up the time that a rank spends with others.

    Args:
        meeting: what it passes everything on to.
    """

    def __init__(self, meeting: Any) -> None:
        self.meeting = meeting
        self.seconds = 0.0

    def meets_after(self, phase: int) -> bool:
        """Return what the meeting returns."""
        return bool(self.meeting.meets_after(phase))

    def after(self, phase: int, batch: Any) -> None:
        """Let the meeting do it."""
        began = time.perf_counter()
        self.meeting.after(phase, batch)
        self.seconds += time.perf_counter() - began

    def collect(self, groups: Any) -> None:
        """Let the meeting do it."""
        self.meeting.collect(groups)


def take_turns(preset: str, changes: Sequence[str], workers: int, place: Path) -> None:
    """Take steps for as long as each line of standard input says, and print what they took.

    Rank 0 reads and prints: first what a step sends, then the medians of each turn's steps. A turn
    of no seconds is the last.

    Args:
        preset: what to train, on drawn digits.
        changes: to its config.
        workers: of each rank.
        place: where the digits are kept.
    """
    ranks: Ranks = ALONE if launched() is None else join()
    config = load_config(preset, (*DRAWN, "data.validation=0", "data.drawn=0", *changes))
    dataset = ranks.first(lambda: load_dataset(config, place))
    model = prepare_model(config, dataset)
    size = config.train.batch_size
    with blas_threads(config.train.blas_threads), Workers(workers) as pool:
        trainer = Trainer(model, dataset, place, pool, "", ranks)
        timed = TimedMeeting(trainer.engine.meeting)
        if ranks.count > 1:
            executor: Any = trainer.engine.executor
            executor.meeting = timed
        with trainer.engine:
            turn(trainer, timed, WARM)
            sent, messages = (0, 0) if ranks.count == 1 else _sent(trainer, timed, size)
            parameters = model.network.parameters.flat.size
            tell(ranks, {"sent_bytes": sent, "messages": messages, "parameters": parameters})
            while seconds := ranks.share(lambda: float(sys.stdin.readline() or 0)):
                each = turn(trainer, timed, WARM)["step"]
                count = ranks.share(partial(at_least_some, seconds / each))
                tell(ranks, turn(trainer, timed, count))


def turn(trainer: Trainer, timed: TimedMeeting, count: int) -> dict[str, float]:
    """Take some steps; return the medians of their seconds, and of those spent with others."""
    steps, meetings = [], []
    size = trainer.config.train.batch_size
    for number in range(count):
        index = _batch(trainer, number, size)
        before, began = timed.seconds, time.perf_counter()
        trainer.step(index)
        steps.append(time.perf_counter() - began)
        meetings.append(timed.seconds - before)
    return {"step": statistics.median(steps), "meeting": statistics.median(meetings)}


def at_least_some(steps: float) -> int:
    """Return a number of steps of which a median can be taken."""
    return max(WARM, round(steps))


def tell(ranks: Ranks, found: dict[str, Any]) -> None:
    """Print a line of JSON on rank 0."""
    if ranks.leads:
        print(json.dumps(found), flush=True)


def _batch(trainer: Trainer, step: int, size: int) -> NDArray[np.int64]:
    """Return the numbers of a batch's samples."""
    start = step * size % (len(trainer.training) - size)
    return trainer.training[start : start + size]


def _sent(trainer: Trainer, timed: TimedMeeting, size: int) -> tuple[int, int]:
    """Return how many bytes this rank sends in a step, and in how many exchanges."""
    batch = Batch(_batch(trainer, 0, size), 0, 0, 0.0)
    phases = range(len(trainer.engine.shards[0].phases))
    exchanges = [timed.meeting.exchange(n, batch) for n in phases if timed.meets_after(n)]
    return sum(one.sent_bytes for one in exchanges), len(exchanges)


def measure_link(parameters: Sequence[int]) -> None:
    """Print latency and bandwidth between two ranks, and what an allreduce of a gradient takes.

    Args:
        parameters: of each network, whose gradients as float32 are added up.
    """
    ranks = join()
    found: dict[str, Any] = {
        "latency": _sent_and_received(ranks, 8, 500),
        "allreduce": {count: _added_up(ranks, count) for count in parameters},
    }
    found["bandwidth"] = LARGE / (_sent_and_received(ranks, LARGE, 30) - found["latency"])
    tell(ranks, found)


def _sent_and_received(ranks: MpiRanks, size: int, rounds: int) -> float:
    """Return what it takes until two ranks have sent each other some bytes."""
    peer, communicator = 1 - ranks.number, ranks.communicator
    out, back = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    return _typical(ranks, rounds, lambda: communicator.Isendrecv(out, peer, 9, back, peer, 9))


def _added_up(ranks: MpiRanks, count: int) -> float:
    """Return what an allreduce of some numbers takes."""
    own, total = np.zeros(count, np.float32), np.zeros(count, np.float32)
    return _typical(ranks, 50, lambda: ranks.communicator.Iallreduce(own, total))


def _typical(ranks: MpiRanks, rounds: int, begin: Callable[[], Any]) -> float:
    """Return the median of the seconds that a request takes until it is done."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        ranks.wait(begin())
        times.append(time.perf_counter() - began)
    return statistics.median(times)
