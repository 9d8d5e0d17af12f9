"""How a process knows that it is one of several ranks."""

import pytest

from bpnet.launcher import VARIABLES, Launched, launched

SRUN = {"SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_LOCALID": "1"}
ONE = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"}
TWO = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        (ONE, None),
        ({"OMPI_COMM_WORLD_RANK": "x", "OMPI_COMM_WORLD_SIZE": "2"}, None),
        (TWO, Launched(1, 2, 1)),
        ({"PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALRANKID": "0"}, Launched(3, 4, 0)),
        (SRUN | {"PMIX_RANK": "3"}, Launched(3, 4, 1)),
        (SRUN | {"PMIX_RANK": "3", "SLURM_STEP_NUM_TASKS": "4"}, Launched(3, 4, 1)),
        ({"PMIX_RANK": "3", "SLURM_NTASKS": "4"}, Launched(3, 4, 3)),
        (SRUN, None),  # srun without MPI
        ({"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "4"}, None),  # sbatch
        (SRUN | {"PMIX_RANK": "0", "SLURM_STEP_NUM_TASKS": "1"}, None),  # one of four tasks
        (SRUN | {"PMIX_RANK": "0"} | ONE, None),  # mpirun -n 1 in a batch script
        (SRUN | {"PMIX_RANK": "1"} | TWO, Launched(1, 2, 1)),  # mpirun -n 2 in a batch script
    ],
)
def test_the_environment_tells_the_rank(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: Launched | None
) -> None:
    for name in {name for names in VARIABLES for name in names}:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert launched() == expected
