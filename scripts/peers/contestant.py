"""Start one framework in a process of its own, let it take rounds, and watch it meanwhile."""

import json
import math
import os
import selectors
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bpnet.bench.isolated import family, proportional_bytes
from bpnet.bench.load import Load, LoadMeter
from peers.work import Weights

LOOK_EVERY = 0.25  # seconds between readings of memory, which take some milliseconds each
RUNNER = Path(__file__).with_name("run.py")


class AbsentError(Exception):
    """Tell why a framework does not take part."""


@dataclass(frozen=True)
class Task:
    """Name what every framework is to do.

    Args:
        kind: `train` or `answer`.
        preset: the network.
        batch_size: pictures of a step, or of an answer.
    """

    kind: str
    preset: str
    batch_size: int


@dataclass(frozen=True)
class Turn:
    """Hold what one framework did in one round.

    Args:
        step: 10th percentile of the seconds per step.
        mean: their mean.
        load: what others took of the processors meanwhile.
    """

    step: float
    mean: float
    load: Load


@dataclass
class Contestant:
    """Hold one framework at work; use it as a context.

    Args:
        name: for people.
        command: module in `peers/` and mode.
        task: what it does.
        environment: of its process, beyond this one's.

    Raises:
        AbsentError: it is not installed, or cannot do this.
    """

    name: str
    command: tuple[str, str]
    task: Task
    environment: dict[str, str]
    version: str = ""
    results: Weights = field(default_factory=list)
    peak: int = 0  # bytes of memory, the most so far
    turns: list[Turn] = field(default_factory=list)

    def __post_init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder, "result.npz")
            task = self.task
            words = [task.kind, *self.command, task.preset, str(task.batch_size), str(result)]
            self._process = subprocess.Popen(
                [sys.executable, str(RUNNER), *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | self.environment,
            )
            self._selector = selectors.DefaultSelector()
            assert self._process.stdout is not None
            self._selector.register(self._process.stdout, selectors.EVENT_READ)
            try:
                answer = self._answer()
                if "missing" in answer:
                    raise AbsentError(answer["missing"])
                with np.load(result) as arrays:
                    self.results = [arrays[name] for name in arrays]
            except BaseException:
                self.close()
                raise
        self.version = answer["version"]
        self.peak = 0  # of the start, which compares and compiles, nothing counts
        self._meter = LoadMeter(lambda: [os.getpid(), *family(self._process.pid)])

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def take_turn(self, seconds: float) -> None:
        """Let it work for some seconds."""
        assert self._process.stdin is not None
        self._meter.start()
        print(seconds, file=self._process.stdin, flush=True)
        answer = self._answer()
        self.turns.append(Turn(answer["step"], answer["mean"], self._meter.read()))

    @property
    def calm(self) -> list[Turn]:
        """Return the turns that were not disturbed."""
        return [turn for turn in self.turns if not turn.load.disturbed]

    @property
    def best(self) -> Turn:
        """Return the fastest of the calm turns, or of all if none was calm."""
        return min(self.calm or self.turns, key=lambda turn: turn.step)

    def close(self) -> None:
        """End the process."""
        if self._process.returncode is None:
            self._process.communicate()
            self._selector.close()

    def _answer(self) -> Any:
        """Wait for a line of the process, watching its memory."""
        assert self._process.stdout is not None
        while not self._selector.select(LOOK_EVERY):
            self.peak = max(self.peak, sum(map(proportional_bytes, family(self._process.pid))))
        line = self._process.stdout.readline()
        if not line:
            raise AbsentError("it failed; its messages are above")
        return json.loads(line)


def deviation(start: Weights, own: Weights, other: Weights) -> float:
    """Return how far other results are from bpnet's, relative to how far those moved."""

    def norm(ones: Weights, others: Weights) -> float:
        pairs = zip(ones, others, strict=True)
        squares = (np.square(one - two, dtype=np.float64).sum() for one, two in pairs)
        return math.sqrt(sum(map(float, squares)))

    return norm(own, other) / norm(own, start)
