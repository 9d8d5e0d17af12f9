"""Share chunks of pictures with the other ranks that an MPI launcher has started.

mpi4py's own executor sends them: rank 0 is its master, and all others are its workers.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from types import ModuleType
from typing import Any, cast

from bpnet.bulk.answering import Done, Job, answer_elsewhere
from bpnet.bulk.picture_list import Chunk
from bpnet.training.ranks.joining import load_mpi

Submit = Callable[[Chunk], "Future[Done]"]


class RankPool:
    """Hold this rank's place among the others.

    Args:
        mpi: the module of MPI.
    """

    def __init__(self, mpi: ModuleType) -> None:
        self._world = mpi.COMM_WORLD
        self._executor: Any = None

    @classmethod
    def join(cls) -> RankPool:
        """Load MPI, which meets the other ranks.

        Raises:
            ConfigError: mpi4py, or its MPI library, is missing, or is not the launcher's.
        """
        return cls(load_mpi("answering", "multiple"))

    @property
    def leads(self) -> bool:
        """Return whether this is the rank that reads the command and writes the answers."""
        return bool(self._world.Get_rank() == 0)

    @property
    def others(self) -> int:
        """Return how many ranks there are besides this one."""
        return int(self._world.Get_size()) - 1

    def submitter(self, job: Job) -> Submit:
        """Send a job to all other ranks, and return what lets one of them answer a chunk."""
        from mpi4py.futures import MPICommExecutor

        context = MPICommExecutor(self._world, root=0, initializer=_hold, initargs=(job,))
        self._executor = context.__enter__()
        return lambda chunk: cast("Future[Done]", self._executor.submit(_answer, chunk))

    def serve(self) -> int:
        """Answer what rank 0 sends until it ends; return the exit code of all."""
        from mpi4py.futures import MPICommExecutor

        with MPICommExecutor(self._world, root=0):
            pass
        return int(self._world.bcast(None, root=0))

    def end(self, code: int) -> int:
        """Let the other ranks end with the exit code of this one; return it."""
        if self._executor is None:  # the command has ended before it needed them
            from mpi4py.futures import MPICommExecutor

            self._executor = MPICommExecutor(self._world, root=0).__enter__()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._world.bcast(code, root=0)
        return code


_job: Job | None = None


def _hold(job: Job) -> None:
    """Keep the job for all chunks that follow."""
    global _job
    _job = job


def _answer(chunk: Chunk) -> Done:
    """Answer a chunk."""
    assert _job is not None
    return answer_elsewhere(_job, chunk)
