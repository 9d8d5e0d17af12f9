"""Levels, imports and sizes: what keeps the code readable."""

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.places import PROJECT
from tests.helpers.tiny import process_environment

PACKAGE = PROJECT / "bpnet"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 300  # lines

# A module imports from the levels above it in this table, and from its own room. The longest prefix
# that fits a module tells its level and room.
LEVELS: dict[str, tuple[int, str]] = {
    "bpnet": (6, "library"),
    "bpnet.version": (0, "version"),
    "bpnet.background": (0, "background"),
    "bpnet.cluster": (0, "cluster"),
    "bpnet.errors": (0, "errors"),
    "bpnet.disk": (0, "disk"),
    "bpnet.files": (0, "files"),
    "bpnet.launcher": (0, "launcher"),
    "bpnet.locks": (0, "locks"),
    "bpnet.machine": (0, "machine"),
    "bpnet.packages": (0, "packages"),
    "bpnet.seeding": (0, "seeding"),
    "bpnet.text_table": (0, "text_table"),
    "bpnet.html": (1, "html"),
    "bpnet.nn": (1, "nn"),
    "bpnet.config": (1, "config"),
    "bpnet.fast": (2, "fast"),
    "bpnet.data": (2, "data"),
    "bpnet.data.files": (1, "files"),
    "bpnet.model": (3, "model"),
    "bpnet.training": (4, "training"),
    "bpnet.teach.trace": (5, "trace"),
    "bpnet.teach.gradcheck": (5, "gradcheck"),
    "bpnet.teach": (5, "teach"),
    "bpnet.report": (5, "report"),
    "bpnet.bench": (5, "bench"),
    "bpnet.runs": (5, "runs"),
    "bpnet.export": (5, "export"),
    "bpnet.foreign_weights": (5, "foreign_weights"),
    "bpnet.library": (6, "library"),
    "bpnet.bulk": (6, "bulk"),
    "bpnet.sklearn": (6, "sklearn"),
    "bpnet.sweep": (6, "sweep"),
    "bpnet.cli": (7, "cli"),
    "bpnet.__main__": (7, "cli"),
}
SAME_LEVEL = {  # rooms that look at another room of their own level; the other never looks back
    "config": {"nn"},  # a config's layer lines are those of the layers
    "export": {"report"},  # a web page holds the report's canvas
    "sweep": {"library"},  # which begins its runs
    "bulk": {"library"},  # which reads one picture
    "foreign_weights": {"export"},  # which names arrays as PyTorch does, and is read again
}
OPTIONAL = {  # what a module cannot be imported without
    "bpnet.sklearn.classifier": "sklearn",
    "bpnet.report.page.charts": "matplotlib",
    "bpnet.report.page.learning": "matplotlib",
    "bpnet.report.page.report": "matplotlib",
    "bpnet.sweep.page.charts": "matplotlib",
    "bpnet.sweep.page.page": "matplotlib",
}
HEAVY = ("numpy", "PIL", "requests", "tqdm", "threadpoolctl", "platformdirs")
COMMANDS = (
    *("train", "eval", "predict", "summary", "data"),
    *("trace", "gradcheck", "curves", "bench", "verify-run"),
    *("runs", "export", "import", "sweep"),
)


def module_name(path: Path, root: Path = PROJECT) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def place(module: str) -> tuple[int, str]:
    """Return level and part of a module."""
    prefix = module
    while prefix not in LEVELS:
        prefix = prefix.rpartition(".")[0]
    assert prefix != "bpnet" or module == "bpnet", f"{module} has no level"
    return LEVELS[prefix]


def imports(source: str) -> set[str]:
    """Return every module of bpnet that a source imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            assert node.module is not None
            found.add(node.module)
            modules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in modules if is_module(name)}
    return {name for name in found if name.partition(".")[0] == "bpnet"}


def is_module(name: str) -> bool:
    path = PROJECT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def upward_imports(module: str, source: str) -> list[str]:
    """Return the imports that break the order of levels."""
    level, part = place(module)
    wrong = []
    for name in sorted(imports(source)):
        other_level, other_part = place(name)
        same = other_part == part or other_part in SAME_LEVEL.get(part, ())
        if other_level > level or (other_level == level and level > 0 and not same):
            wrong.append(f"{module} ({level}) imports {name} ({other_level})")
    return wrong


def test_modules_import_from_the_levels_below() -> None:
    for path in MODULES:
        assert upward_imports(module_name(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bpnet.errors", "import bpnet.files\nfrom bpnet import config"),
        ("bpnet.data.files.idx", "from bpnet.data.mnist import load_mnist"),
        ("bpnet.nn.linear", "def f():\n    from bpnet.model.model import Model"),
        ("bpnet.nn.linear", "from bpnet.data.mnist import load_mnist"),
        ("bpnet.nn.sequential", "from bpnet.fast.stages import fast_stages"),
        ("bpnet.nn.linear", "from bpnet.config.settings import Config"),
        ("bpnet.training.loop", "from bpnet.cli import train"),
        ("bpnet.model.model", "import bpnet.training.loop"),
        ("bpnet.report.pages", "import bpnet.export.formats"),
        ("bpnet.library.train", "def f():\n    from bpnet.cli.output import note"),
        ("bpnet.training.loop", "from bpnet import load"),
    ],
)
def test_an_upward_import_is_found(module: str, source: str) -> None:
    assert upward_imports(module, source)


def test_the_ground_floor_knows_nothing_but_errors_and_the_file_system() -> None:
    for module, (level, _) in LEVELS.items():
        path = PROJECT.joinpath(*module.split(".")).with_suffix(".py")
        if level == 0 and path.is_file():
            known = {"bpnet.errors", "bpnet.disk", "bpnet.locks"} - {module}
            assert imports(path.read_text(encoding="utf-8")) <= known, module


def test_no_module_is_longer_than_one_sitting() -> None:
    for path in MODULES:
        assert len(path.read_text(encoding="utf-8").splitlines()) < LONGEST, path


def run_python(code: str, *flags: str) -> str:
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        env=process_environment(),
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


IMPORT_EACH = """
import os, sys, warnings
import {shared}
bad, running = [], {{}}
def finish():
    child, status = os.wait()
    name = running.pop(child)
    if status:
        bad.append(name)
for name in {names}:
    if len(running) == 2:
        finish()
    child = os.fork()
    if not child:
        try:
            __import__(name)
        except BaseException as error:
            print(name, repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    running[child] = name
while running:
    finish()
print(bad)
"""


def failing_imports(names: list[str]) -> str:
    """Import each module alone, in a copy of a process that holds none of bpnet."""
    others = "numpy, click, tqdm, requests, PIL.Image, threadpoolctl, platformdirs"
    return run_python(IMPORT_EACH.format(shared=others, names=names), "-W", "error").strip()


@pytest.mark.skipif(sys.platform == "win32", reason="copies processes")
def test_every_module_can_be_imported_alone() -> None:
    names = [name for name in map(module_name, MODULES) if not name.endswith("__main__")]
    absent = {name for name, needed in OPTIONAL.items() if find_spec(needed) is None}
    names = [name for name in names if name not in absent]
    assert failing_imports(names) == "[]"


@pytest.mark.skipif(sys.platform == "win32", reason="copies processes")
def test_a_module_that_cannot_be_imported_is_found() -> None:
    assert failing_imports(["bpnet.errors", "bpnet.nowhere"]) == "['bpnet.nowhere']"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from bpnet.cli.main import run\n"
        f"for words in [[], *([name] for name in {COMMANDS})]:\n"
        "    assert run([*words, '--help'], debug=False) == 0\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    assert run_python(code, "-W", "error").endswith("[]\n")


def test_the_training_path_needs_numpy_alone() -> None:
    code = (
        "import sys\n"
        "import bpnet.training.run, bpnet.config.loading\n"
        "print([n for n in ('scipy', 'numba', 'matplotlib', 'onnx', 'click', 'PIL', 'mpi4py')"
        " if n in sys.modules])\n"
    )
    assert run_python(code) == "[]\n"


LOADED = """
import sys
from bpnet.cli.main import run
if run(["predict", {picture!r}], debug=True):
    sys.exit("no answer")
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("bpnet", "numpy")))
"""
MOST_FOR_A_PICTURE = 68  # modules


def test_reading_a_picture_loads_nothing_of_training() -> None:
    picture = str(PACKAGE / "assets" / "seven.jpg")
    loaded = ast.literal_eval(run_python(LOADED.format(picture=picture)).splitlines()[-1])
    assert "bpnet.nn.conv" in loaded
    assert [name for name in loaded if name.startswith("bpnet.training")] == []
    assert "numpy.random" not in loaded  # 7 ms, and nothing is drawn
    assert len([name for name in loaded if name.startswith("bpnet")]) <= MOST_FOR_A_PICTURE


def test_scoring_loads_nothing_of_training() -> None:
    code = "import bpnet.model.score, bpnet.model.checkpoint, bpnet.data.load, sys\n"
    code += "print([name for name in sys.modules if name.startswith('bpnet.training')])"
    assert run_python(code) == "[]\n"


def private_attributes(source: str) -> set[str]:
    """Return the private attributes that a source reads or replaces on anything but `self`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            name, owner = node.attr, node.value
            is_own = isinstance(owner, ast.Name) and owner.id in ("self", "cls", "os")
            if name.startswith("_") and not name.startswith("__") and not is_own:
                found.add(name)
    return found


def test_no_test_holds_a_private_attribute() -> None:
    tests = sorted((PROJECT / "tests").rglob("*.py"))
    assert Path(__file__) in tests
    for path in tests:
        assert private_attributes(path.read_text(encoding="utf-8")) == set(), path


def test_a_private_attribute_is_found() -> None:
    source = "def f(trainer):\n    trainer.engine._totals = self._own = trainer._step()"
    assert private_attributes(source) == {"_totals", "_step"}


def test_the_library_never_prints() -> None:
    for path in MODULES:
        if "cli" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                is_print = isinstance(node, ast.Name) and node.id == "print"
                assert not is_print, f"{path} prints"
