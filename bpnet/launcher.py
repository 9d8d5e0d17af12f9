"""Find out which of several processes this is, as MPI's launcher tells it in the environment.

`mpirun` starts the same command several times; each process is a rank. So a command that was
started alone never loads MPI.
"""

import os
from typing import NamedTuple

# Open MPI; MPICH, Intel MPI and what else follows PMI; MVAPICH.
VARIABLES = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK"),
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
    """Return the place of this process among several; None where it was started alone."""
    for rank, ranks, on_host in VARIABLES:
        number, count = os.environ.get(rank, ""), os.environ.get(ranks, "")
        if number.isdecimal() and count.isdecimal() and int(count) > 1:
            place = os.environ.get(on_host, "")
            return Launched(int(number), int(count), int(place if place.isdecimal() else number))
    return None
