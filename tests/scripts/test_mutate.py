"""The script that changes code: it tells what the tests notice from what they do not."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.places import PROJECT
from tests.helpers.tiny import process_environment

SCRIPTS = PROJECT / "scripts"
PLANTED = """
def area(width, height):
    return width * height


def is_large(size):
    return size > 10


def unused(n):
    return n + 1
"""
TESTS = """
from planted import area, is_large


def test_area():
    assert area(3, 4) == 12


def test_is_large():
    assert is_large(50)
    assert not is_large(5)
"""


@pytest.fixture
def mutants(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import mutation.mutants

    yield mutation.mutants
    for name in [name for name in sys.modules if name.partition(".")[0] == "mutation"]:
        del sys.modules[name]


@pytest.mark.skipif(sys.platform == "win32", reason="copies processes")
def test_what_tests_notice_is_killed_and_the_rest_survives(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "planted.py").write_text(PLANTED)
    (project / "test_planted.py").write_text(TESTS)
    (project / "pyproject.toml").write_text('[tool.coverage.run]\nsource = ["."]\nparallel = true')
    run = subprocess.run(
        [sys.executable, SCRIPTS / "mutate.py", "--project", project, "planted.py"],
        env=process_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 1, run.stderr  # more than a tenth survive
    noticed, unnoticed = ("width / height", "return size <= 10"), ("size >= 10", "size > 11")
    assert all(text not in run.stdout for text in noticed)
    assert all(f"+ return ({text})" in run.stdout for text in unnoticed[:1])
    assert "+ return size > 11" in run.stdout
    assert "+ return (n - 1)" in run.stdout  # reached by no test
    assert (project / "planted.py").read_text() == PLANTED


def test_a_mutant_differs_in_code_and_can_be_parsed(mutants: Any) -> None:
    source = (PROJECT / "bpnet/nn/norm.py").read_text(encoding="utf-8")
    made = mutants.make_mutants("norm.py", source)
    assert len(made) > 50
    for mutant in made:
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(source)), mutant.changed
        assert len(mutant.source.splitlines()) == len(source.splitlines())


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("y = a + b", "y = (a - b)"),
        ("y = a <= b", "y = (a < b)"),
        ("y = a and b", "y = (a or b)"),
        ("y = x[i]", "y = x[i - 1]"),
        ("y = 3", "y = 4"),
        ("y += 3", "y -= 3"),
        ("y += 3", "pass"),
        ("y = np.add(a, b)", "y = np.subtract(a, b)"),
        ("while y: break", "while (not y): break"),
        ("while y: break", "while y: continue"),
        ("f(y)", "pass"),
    ],
)
def test_code_is_changed_in_many_ways(mutants: Any, line: str, changed: str) -> None:
    assert changed in [mutant.changed for mutant in mutants.make_mutants("m.py", line)]


@pytest.mark.parametrize(
    "line", ['"""Say it."""', "import numpy as np", 'x = f"{n + 1}"', "x: int"]
)
def test_texts_and_names_stay(mutants: Any, line: str) -> None:
    assert mutants.make_mutants("m.py", line) == []


def test_the_seed_draws_the_mutants(mutants: Any) -> None:
    modules = {"a.py": "x = 1 + 2 * 3", "b.py": "y = 4 - 5 / 6"}
    drawn = mutants.draw_mutants(modules, 6, seed=1)
    assert drawn == mutants.draw_mutants(modules, 6, seed=1)
    assert drawn != mutants.draw_mutants(modules, 6, seed=2)
    assert [mutant.file for mutant in drawn].count("a.py") == 3


def test_what_is_listed_as_equivalent_is_still_in_the_code(mutants: Any) -> None:
    from mutation.equivalent import equivalent_mutants

    made: dict[str, set[tuple[str, str, str]]] = {}
    for entry in equivalent_mutants():
        if entry.file not in made:
            source = (PROJECT / entry.file).read_text(encoding="utf-8")
            made[entry.file] = {mutant.key for mutant in mutants.make_mutants(entry.file, source)}
        assert entry.key in made[entry.file]
        assert entry.reason
