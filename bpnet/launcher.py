"""Find out which of several processes this is, as MPI's launcher tells it in the environment.

`mpirun` or `srun` starts the same command several times; each process is a rank. So a command that
was started alone never loads MPI.
"""

import os
from typing import NamedTuple

# Open MPI; MPICH, Intel MPI and what else follows PMI; MVAPICH.
VARIABLES = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK"),
    # Slurm's srun with PMIx; a batch script has SLURM_NTASKS as well, but no rank.
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
    ("PMIX_RANK", "SLURM_NTASKS", "SLURM_LOCALID"),
)


class Launched(NamedTuple):
    """Hold the place of this process among those that were started together.

    Args:
        rank: its number, from 0.
        ranks: how many there are.
        rank_on_host: its number among those on the same host.
    """

    rank: int
    ranks: int
    rank_on_host: int


def launched() -> Launched | None:
    """Return the place of this process among several; None where it was started alone.

    The first launcher that has left its variables decides: those of another may be left from the
    job in which it was called.
    """
    for rank, ranks, on_host in VARIABLES:
        number, count = os.environ.get(rank, ""), os.environ.get(ranks, "")
        if number.isdecimal() and count.isdecimal():
            if int(count) < 2:
                return None
            place = os.environ.get(on_host, "")
            return Launched(int(number), int(count), int(place if place.isdecimal() else number))
    return None
