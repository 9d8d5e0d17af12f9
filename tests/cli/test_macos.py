"""macOS, as far as it can be pretended here."""

import os
import subprocess
import sys

import numpy as np
import pytest

from bpnet import machine
from bpnet.model.forks import CAN_FORK
from tests.helpers.places import PROJECT
from tests.helpers.tiny import process_environment


def test_accelerate_gets_one_thread_before_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(machine.ACCELERATE_THREADS, "kept")
    monkeypatch.delenv(machine.ACCELERATE_THREADS)
    machine.limit_accelerate()
    assert (machine.ACCELERATE_THREADS in os.environ) == (sys.platform == "darwin")
    monkeypatch.setattr(sys, "platform", "darwin")
    machine.limit_accelerate()
    assert os.environ[machine.ACCELERATE_THREADS] == "1"
    monkeypatch.setenv(machine.ACCELERATE_THREADS, "4")
    machine.limit_accelerate()
    assert os.environ[machine.ACCELERATE_THREADS] == "4"


def test_a_blas_that_nobody_can_ask_is_named_by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        def info(self) -> list[dict[str, object]]:
            return []

    built = {"Build Dependencies": {"blas": {"name": "accelerate", "version": "unknown"}}}
    monkeypatch.setattr(machine, "_blas", Nothing)
    monkeypatch.setattr(np, "show_config", lambda mode: built)
    monkeypatch.setenv(machine.ACCELERATE_THREADS, "1")
    assert machine.blas_kernel() == machine.UNKNOWN
    assert machine.blas_description() == [
        {
            "internal_api": "accelerate",
            "version": "unknown",
            "architecture": None,
            "num_threads": 1,
        }
    ]


@pytest.mark.skipif(sys.platform == "darwin", reason="pretends to be what this system is")
@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_compute_in_threads(system: str) -> None:
    code = (
        f"import sys; sys.platform = {system!r}\n"
        "from bpnet.model.forks import CAN_FORK\n"
        "print(CAN_FORK)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=process_environment(), cwd=PROJECT, capture_output=True
    )
    assert done.stdout.decode().strip() == "False", done.stderr
    assert CAN_FORK in (True, False)
