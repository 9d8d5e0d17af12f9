"""Find out which tests run which line, and how long each takes."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import accumulate
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

    def tests_of(self, mutant: Mutant, budget: float) -> list[str]:
        """Return the tests that run the changed lines, the fastest first.

        For lines that run at import, or only in other processes, half of the budget goes to tests
        that run any line of the file, and half to others: what such lines define may be used
        anywhere.

        Args:
            mutant: what is changed.
            budget: seconds that the tests may take together.
        """
        lines = self.lines.get(mutant.file, {})
        numbers = range(mutant.number, mutant.last + 1) if mutant.in_function else ()
        tests = {test for number in numbers for test in lines.get(number, ())}
        if tests:
            return self.fastest_first(tests, budget)
        near = {test for tests in lines.values() for test in tests}
        others = set(self.seconds) - near
        return self.fastest_first(near, budget / 2) + self.fastest_first(others, budget / 2)

    def fastest_first(self, tests: set[str], budget: float = math.inf) -> list[str]:
        """Return as many tests as fit into a number of seconds, in the order of their time."""
        ordered = sorted(tests, key=lambda test: (self.seconds[test], test))
        ends = accumulate(self.seconds[test] for test in ordered)
        return [test for test, end in zip(ordered, ends, strict=True) if end <= budget]


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
