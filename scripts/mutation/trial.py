"""Run tests against a changed project, each time in a process of its own."""

from __future__ import annotations

import math
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

import numpy as np  # noqa: F401  imported once, for all processes
import pytest

from mutation.mutants import Mutant

FIRST = 50  # tests that run before the others are even collected
MEMORY = 8 << 30  # bytes that a process may reserve
WAIT = 0.01  # seconds between two looks at a process
BUSY = 10  # how much longer than its own time a process may take on a busy machine
CODES_OF_A_FAILURE = (1, 2, 3, 4)  # of pytest: 2 to 4 where the changed code cannot be imported


class Outcome(Enum):
    """Name what became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    EQUIVALENT = "equivalent"  # listed as such, and not tried
    SURVIVED = "survived"


class ChosenTests:
    """A pytest plugin that keeps chosen tests, in their order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.order = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out all other tests."""
        items[:] = [item for item in items if item.nodeid in self.order]
        items.sort(key=lambda item: self.order[item.nodeid])


def try_mutant(
    project: Path, mutant: Mutant, tests: Sequence[str], seconds: float
) -> tuple[Outcome, str]:
    """Return what becomes of a mutant, and the first test that fails or all that pytest said.

    Args:
        project: a private copy of the project, which is changed and restored.
        mutant: the change.
        tests: those that reach it, in the order to run them.
        seconds: of the processor that the tests may take.
    """
    with _changed(project / mutant.file, mutant.source):
        return run_tests(project, tests, seconds)


def run_tests(project: Path, tests: Sequence[str], seconds: float) -> tuple[Outcome, str]:
    """Return whether tests notice anything, and what pytest said."""
    said = ""
    for batch in filter(None, (tests[:FIRST], tests[FIRST:])):
        outcome, said = _run_in_a_copy_of_this_process(project, batch, seconds)
        if outcome is not Outcome.SURVIVED:
            return outcome, said
    return Outcome.SURVIVED, said


@contextmanager
def _changed(path: Path, source: str) -> Iterator[None]:
    """Let a file hold another source for a while, without a trace in Python's own cache."""
    before = path.read_text(encoding="utf-8")
    for cached in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        cached.unlink()
    path.write_text(source, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


def _run_in_a_copy_of_this_process(
    project: Path, tests: Sequence[str], seconds: float
) -> tuple[Outcome, str]:
    """Run pytest in a fork, which starts with everything imported but the project itself."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output.txt")
        child = os.fork()
        if not child:
            os._exit(_run_pytest(project, tests, output, math.ceil(seconds)))
        code = _wait(child, BUSY * seconds)
        said = output.read_text(encoding="utf-8") if output.exists() else ""
    if code is None or code == -signal.SIGXCPU:
        return Outcome.TIMED_OUT, said
    if code in CODES_OF_A_FAILURE or code < 0:
        return Outcome.KILLED, said
    if code:
        raise RuntimeError(f"pytest ended with {code}:\n{said}")
    return Outcome.SURVIVED, said


def _run_pytest(project: Path, tests: Sequence[str], output: Path, seconds: int) -> int:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    os.chdir(project)
    sys.path.insert(0, str(project))
    sys.dont_write_bytecode = True
    os.environ |= {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with output.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        files = sorted({test.partition("::")[0] for test in tests})
        words = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={output.parent / 'tmp'}"]
        code = int(pytest.main([*words, *files], plugins=[ChosenTests(tests)]))
        sys.stdout.flush()
    return code


def _wait(child: int, seconds: float) -> int | None:
    """Return the exit code of a process, negative for a signal; end it when its time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _end_group(child)
            return os.waitstatus_to_exitcode(status)
        time.sleep(WAIT)
    _end_group(child)
    os.waitpid(child, 0)
    return None


def _end_group(leader: int) -> None:
    """End all processes that a process has left behind."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
