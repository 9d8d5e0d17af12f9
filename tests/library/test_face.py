"""`import bpnet`: what it offers, and how little it loads."""

import ast
from importlib.metadata import version
from pathlib import Path

import pytest

import bpnet
from tests.helpers.places import PROJECT
from tests.test_structure import run_python


def test_every_name_is_there() -> None:
    for name in bpnet.__all__:
        assert getattr(bpnet, name) is not None
    assert set(bpnet.__all__) <= set(dir(bpnet))
    assert set(bpnet.__all__) == set(bpnet.HOMES)


def test_type_checkers_know_every_name() -> None:
    tree = ast.parse(Path(bpnet.__file__).read_text(encoding="utf-8"))
    (imports,) = [node.body for node in tree.body if isinstance(node, ast.If) and node.body[0]][:1]
    known = {
        alias.asname: f"{node.module}"
        for node in imports
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert known == {name: f"bpnet.{home}" for name, home in bpnet.HOMES.items()}
    assert (PROJECT / "bpnet" / "py.typed").is_file()


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fit'"):
        getattr(bpnet, "fit")  # noqa: B009 - type checkers know that it is not there


def test_importing_it_loads_nothing() -> None:
    code = "import sys; before = set(sys.modules); import bpnet\n"
    code += "print(sorted(set(sys.modules) - before))"
    loaded = ast.literal_eval(run_python(code))
    own = [name for name in loaded if name.startswith("bpnet")]
    assert own == ["bpnet"]
    assert "numpy" not in loaded
    assert len(loaded) < 4


def test_using_a_network_loads_nothing_of_training_or_the_command_line() -> None:
    code = "import bpnet, sys; bpnet.load().predict('bpnet/assets/seven.jpg')\n"
    code += "print([name for name in sys.modules"
    code += " if name.startswith(('bpnet.training', 'bpnet.cli', 'click', 'requests', 'tqdm'))])"
    assert run_python(code) == "[]\n"


def test_training_loads_nothing_of_the_command_line(tmp_path: Path) -> None:
    code = f"import bpnet, sys; bpnet.train('keras', epochs=1, run_dir={str(tmp_path / 'run')!r})\n"
    code += "print([name for name in sys.modules if name.startswith(('bpnet.cli', 'click'))])"
    assert run_python(code) == "[]\n"


def test_the_version_is_that_of_the_package() -> None:
    assert version("bpnet") == bpnet.__version__
