"""Find out which tests run which line, and how long each takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

from mutation.mutants import Mutant
from mutation.record_reach import DURATIONS

SCRIPTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Reach:
    """Hold which tests run which line, and how long each test takes.

    Args:
        lines: tests by line number, by file as seen from the project.
        seconds: of each test.
    """

    lines: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the changed lines, the fastest first.

        For lines that run at import, or only in other processes, these are the tests that run any
        line of the file; for a file whose lines all run at import, they are all tests.
        """
        lines = self.lines.get(mutant.file, {})
        tests: set[str] = set()
        if mutant.in_function:
            for number in range(mutant.number, mutant.last + 1):
                tests.update(lines.get(number, ()))
        if not tests:
            tests.update(*lines.values())
        return self.fastest_first(tests or set(self.seconds))

    def fastest_first(self, tests: set[str]) -> list[str]:
        """Return tests in the order of the time they take."""
        return sorted(tests, key=lambda test: (self.seconds[test], test))


def measure_reach(project: Path, *tests: str) -> Reach:
    """Run the tests of a project, or those named, and note what they reach.

    Raises:
        RuntimeError: a test fails.
    """
    words = ("coverage", "run", "-m", "pytest", "-q", "-p", "mutation.record_reach", *tests)
    run = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=project,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(project), str(SCRIPTS)])},
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise RuntimeError(f"the tests must pass before anything is changed:\n{run.stdout}")
    subprocess.run(
        [sys.executable, "-m", "coverage", "combine", "--quiet"], cwd=project, check=True
    )
    return read_reach(project)


def read_reach(project: Path) -> Reach:
    """Return what `measure_reach` left in a project."""
    data = CoverageData(str(project / ".coverage"))
    data.read()
    seconds: dict[str, float] = json.loads((project / DURATIONS).read_text(encoding="utf-8"))
    lines = {
        Path(file).relative_to(project).as_posix(): {
            number: [test for test in tests if test]
            for number, tests in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    return Reach(lines, seconds)
