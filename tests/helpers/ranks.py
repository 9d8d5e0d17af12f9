"""Start commands on several ranks with a real `mpirun`."""

import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from bpnet.model.forks import CAN_FORK
from tests.helpers.started import start_process
from tests.helpers.tiny import process_environment

BESIDE = shutil.which("mpirun", path=str(Path(sys.executable).parent))  # from a wheel
MPIRUN = BESIDE or shutil.which("mpirun")
# More ranks than processors, several on each, also as root, as in a container.
ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}
needs_mpi = pytest.mark.skipif(
    MPIRUN is None or find_spec("mpi4py") is None or not CAN_FORK,
    reason="needs mpi4py and mpirun (pip install '.[mpi]'), on Linux",
)


def on_ranks(count: int, *words: object) -> list[str]:
    """Return the command line that starts one on several ranks."""
    return [str(MPIRUN), "-n", str(count), *map(str, words)]


def run_on_ranks(count: int, *words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command on several ranks."""
    return subprocess.run(
        on_ranks(count, *words),
        cwd=cwd,
        env=process_environment(**ENVIRONMENT),
        capture_output=True,
        text=True,
        timeout=120,
    )


def start_on_ranks(count: int, *words: object, cwd: Path) -> subprocess.Popen[str]:
    """Start a command on several ranks; it ends with its test."""
    settings = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
    return start_process(["env", *settings, *on_ranks(count, *words)], cwd)


def process_of(rank: int, folder: Path) -> int:
    """Return the process of a rank that works in a folder.

    Raises:
        LookupError: there is none.
    """
    for place in Path("/proc").glob("[0-9]*"):
        try:
            variables = (place / "environ").read_bytes().split(b"\0")
            is_here = (place / "cwd").resolve() == folder.resolve()
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended, or belongs to somebody else
            continue
        known = {f"{name}={rank}".encode() for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK")}
        if is_here and known & set(variables) and b"bpnet" in words:
            return int(place.name)
    raise LookupError(f"no rank {rank}")


def died_of(number: signal.Signals) -> set[int]:
    """Return the exit codes of Open MPI's and MPICH's launcher whose rank a signal has killed."""
    return {128 + number, int(number)}
