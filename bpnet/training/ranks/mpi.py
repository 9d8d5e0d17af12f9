"""Be one of several ranks of an MPI run: wait for the others, share with them, end with them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from bpnet.data.dataset import Samples
from bpnet.errors import ConfigError, RankError, shorten
from bpnet.training.ranks.delivery import Delivery, Receiver, Sender
from bpnet.training.ranks.meeting import OrderedMeeting
from bpnet.training.ranks.needs import Needs
from bpnet.training.ranks.neighbours import is_there, neighbours, own_place
from bpnet.training.ranks.ranks import Meeting, Ranks
from bpnet.training.ranks.reduction import FastMeeting
from bpnet.training.step.batch import Shard

if TYPE_CHECKING:
    from mpi4py import MPI

Result = TypeVar("Result")

SHARED, FAILED, VERDICT = 1, 2, 3  # tags: what a message is about; 4 is `SAMPLES`
SPINS = 200  # looks before others may have the processor: some 100 µs
YIELDING = 2e-3  # seconds of more looks before this process sleeps
LONGEST_SLEEP = 1e-3  # seconds
PATIENCE = 2.0  # seconds for others to come to an exchange once the run should stop, at least, and
STEPS_OF_PATIENCE = 3  # as many times as long as the longest wait so far
LONG_PATIENCE = 20.0  # seconds for rank 0 to validate, save or score, at least
LONGEST_TOLD = 2000  # characters: such a message leaves before anybody receives it

SAVED = "the last checkpoint stays as it was"


class MpiRanks(Ranks):
    """Be one of the ranks that an MPI launcher has started.

    A rank that waits looks at its request again and again, and sleeps between the looks when that
    takes long: so signals are heard, an idle rank costs nothing, and one that has failed can tell.

    Args:
        communicator: of all ranks.
        byte: MPI's name for one.
    """

    def __init__(self, communicator: MPI.Intracomm, byte: MPI.Datatype) -> None:
        super().__init__()
        self.communicator = communicator
        self.byte = byte
        self.number = communicator.Get_rank()
        self.count = communicator.Get_size()
        self.flags = np.zeros(self.count, dtype=np.int64)  # the signal that each rank has received
        self._is_meeting = False  # a collective has begun, and has not ended
        self._longest = 0.0
        self.is_unheard = False  # rank 0 has not answered to what this rank has told at its end
        places = communicator.allgather(own_place())
        self._hosts = [place.home.host for place in places]
        self._neighbours = neighbours(places, self.number)

    def demand_shards(self, shards: int) -> None:
        """Make sure that every rank has a shard to compute.

        Raises:
            ConfigError: there are more ranks than shards.
        """
        if self.count > shards:
            raise ConfigError(
                "there are more ranks than shards, and every rank computes at least one",
                where="[train] shards",
                expected=f"at least {self.count}",
                found=shards,
                hint=f"--set train.shards={self.count}, which is part of the config: results "
                f"depend on it; or mpirun -n {shards}",
            )

    def meeting(self, shards: Sequence[Shard], reduction: str) -> Meeting:
        """Return how the shards of all ranks meet."""
        return (FastMeeting if reduction == "fast" else OrderedMeeting)(self, shards)

    def delivery(self, samples: Samples, most: int, needs: Needs) -> Delivery | None:
        """Return what brings samples to ranks that lack them; None where this has no part in it."""
        if self.leads and self.served:
            return Sender(self, samples, most, needs)
        return Receiver(self, samples, most, needs) if self.number in self.served else None

    def stopped_by(self) -> int:
        """Return the signal for which all ranks stop after this step; 0 to go on."""
        return int(self.flags.max())

    def share(self, compute: Callable[[], Result]) -> Result:
        """Return on every rank what rank 0 computes.

        Raises:
            RankError: another rank has failed.
        """
        if self.leads:
            result = compute()
            for rank in range(1, self.count):
                self._send(result, rank, SHARED)
            return result
        return cast("Result", self._receive(0, SHARED))

    def gather(self, value: Result) -> list[Result]:
        """Return on rank 0 what each rank has, by its number; nothing on the others.

        Raises:
            RankError: another rank has failed.
        """
        if not self.leads:
            self._send(value, 0, SHARED)
            return []
        return [value, *(self._receive(rank, SHARED) for rank in range(1, self.count))]

    def first(self, compute: Callable[[], Result]) -> Result:
        """Compute something on rank 0, then on the others, which find what it has written.

        Raises:
            RankError: another rank has failed.
        """
        if self.leads:
            result = compute()
            self.share(lambda: None)
            return result
        self.share(lambda: None)
        return compute()

    def demand_same(self, what: str, value: object) -> None:
        """Make sure that every rank has the same value of something.

        Raises:
            ConfigError: this one has another than rank 0.
            RankError: another rank has failed.
        """
        expected = self.share(lambda: value)
        if self.leads:
            for rank in range(1, self.count):
                self._receive(rank, SHARED)
        elif value == expected:
            self._send(None, 0, SHARED)
        else:
            raise ConfigError(
                f"ranks have not the same {what}",
                where=self.name(self.number),
                expected=f"that of rank 0: {expected}",
                found=value,
            )

    def wait(self, request: MPI.Request) -> None:
        """Wait until a request is done.

        Raises:
            RankError: another rank has failed, or does not go on once the run should stop.
        """
        self._is_meeting = True
        for _ in range(SPINS):
            if request.Test():
                break
        else:
            self._wait_until(request.Test)
        self._is_meeting = False

    @property
    def _patience(self) -> float:
        """Return how long others may take, in seconds, once the run should stop."""
        return max(PATIENCE, STEPS_OF_PATIENCE * self._longest)

    def _send(self, message: Any, rank: int, tag: int) -> None:
        """Send an object to a rank."""
        request = self.communicator.isend(message, rank, tag)
        self._wait_until(lambda: request.test()[0])

    def _receive(self, rank: int, tag: int) -> Any:
        """Return the object that a rank sends."""
        self._wait_until(lambda: self.communicator.Iprobe(rank, tag))
        return self.communicator.recv(source=rank, tag=tag)

    def _wait_until(self, is_done: Callable[[], bool]) -> None:
        """Let others have the processor until something is done, and sleep when that takes long.

        Raises:
            RankError: another rank has failed, or does not go on once the run should stop.
        """
        began = time.perf_counter()
        while time.perf_counter() < began + YIELDING:
            if is_done():
                return
            os.sched_yield()
        pause = LONGEST_SLEEP / 16
        asked = 0.0  # when the run was asked to stop
        while not is_done():
            self._demand_others()
            now = time.perf_counter()
            if self.should_stop():
                asked = asked or now
                if now - asked > max(self._patience, 0 if self._is_meeting else LONG_PATIENCE):
                    raise RankError(
                        "another rank does not go on", where=self.name(self.number), hint=SAVED
                    )
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_SLEEP)
        self._longest = max(self._longest, time.perf_counter() - began)

    def _demand_others(self) -> None:
        """Make sure that it makes sense to wait for the other ranks.

        The launcher ends all ranks when one dies; here one that can be seen is noticed before.

        Raises:
            RankError: one of them has failed or died, or rank 0 has ended the run.
        """
        for rank, process in self._neighbours.items():
            if not is_there(process):
                raise RankError(
                    "a rank has ended in the middle of the run",
                    where=self.name(rank),
                    found="killed, perhaps for lack of memory",
                    hint=SAVED,
                )
        if not self.leads:
            if self.communicator.Iprobe(0, VERDICT):
                raise RankError("rank 0 has ended the run")
            return
        for rank in range(1, self.count):
            if self.communicator.Iprobe(rank, FAILED):
                code, told = self.communicator.recv(source=rank, tag=FAILED)
                raise RankError(
                    "a rank has failed, which ends the run on all of them",
                    details=told.removeprefix("bpnet: ").splitlines(),
                    where=self.name(rank),
                    hint=SAVED,
                    exit_code=code,
                )

    def name(self, rank: int) -> str:
        """Return what a rank is called in messages."""
        return f"rank {rank} of {self.count}, on {self._hosts[rank]}"

    def end(self, code: int, told: str = "", stop: Callable[[], int] = lambda: 0) -> int:
        """End together with the others, and return the exit code of all: that of rank 0.

        Args:
            code: of this rank.
            told: what it would say to the person at the keyboard.
            stop: whether this rank was asked to stop since then, and by which signal.
        """
        is_asked = bool(self.should_stop())
        self.should_stop = stop
        if not self.leads:
            return self._end_after(code, told, self._patience if is_asked else math.inf)
        if self._is_meeting:  # what has begun can no longer be finished
            self.communicator.Abort(code)
        patience, began = self._patience if code else math.inf, time.perf_counter()
        told_to = [self.communicator.isend(code, rank, VERDICT) for rank in range(1, self.count)]
        while told_to := [request for request in told_to if not request.test()[0]]:
            if time.perf_counter() > began + patience:  # the launcher ends those that do not listen
                break
            time.sleep(LONGEST_SLEEP)
        return code

    def _end_after(self, code: int, told: str, patience: float) -> int:
        """Tell rank 0 of a failure, and return the code that it ends with.

        Should it have been stopped (`kill -STOP`), the launcher ends it after this rank. Where only
        rank 0 has something left to do, a signal to this rank lets it go on, for a while.
        """
        began, asked = time.perf_counter(), 0.0
        if code:
            told = shorten(told, LONGEST_TOLD)
            request = self.communicator.isend((code, told), 0, FAILED)
        while not self.communicator.Iprobe(0, VERDICT):
            now = time.perf_counter()
            asked = asked or (now if self.should_stop() else 0.0)
            if asked and not is_there(self._neighbours.get(0, os.getpid())):
                return code or 128 + self.should_stop()  # the launcher tells what has become of it
            if (code and now > began + patience) or (asked and now > asked + LONG_PATIENCE):
                self.is_unheard = True
                return code or 128 + self.should_stop()
            if code:
                request.test()
            time.sleep(LONGEST_SLEEP)
        verdict: int = self.communicator.recv(source=0, tag=VERDICT)
        if self._is_meeting:
            self.communicator.Abort(verdict)
        return verdict
