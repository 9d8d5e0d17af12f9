"""The page of the library: made from docstrings whose examples are true."""

import doctest
import importlib.util
import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import bpnet
from tests.helpers.places import PROJECT

PAGE = PROJECT / "bpnet" / "README.md"


def script() -> ModuleType:
    """Return the script that writes the page."""
    spec = importlib.util.spec_from_file_location(
        "write_library_page", PROJECT / "scripts" / "write_library_page.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_says_what_the_docstrings_say() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert script().write(page) == page, "run scripts/write_library_page.py"


def test_another_docstring_makes_another_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpnet.load, "__doc__", "Load nothing.")
    page = PAGE.read_text(encoding="utf-8")
    assert script().write(page) != page


def documented() -> Iterator[tuple[str, object]]:
    for name in bpnet.__all__:
        member = getattr(bpnet, name)
        yield name, member
        if isinstance(member, type):
            yield from ((f"{name}.{inner}", found) for inner, found in vars(member).items())


def examples() -> list[doctest.DocTest]:
    parser = doctest.DocTestParser()
    found = []
    for name, member in documented():
        text = inspect.getdoc(member) if callable(member) else None
        if text and ">>>" in text:
            found.append(parser.get_doctest(text, {"bpnet": bpnet}, name, None, 0))
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_every_example_is_true(
    example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("seven.jpg", "year.jpg"):
        shutil.copy(PROJECT / "bpnet" / "assets" / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    failed, tried = doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    assert not failed, "".join(said)
    assert tried


def test_functions_have_examples() -> None:
    names = {example.name for example in examples()}
    assert {"load", "read", "train", "gradcheck", "trace", "Network", "Model.predict"} <= names


def test_a_wrong_example_is_found() -> None:
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    failed, _ = doctest.DocTestRunner(verbose=False).run(wrong, out=lambda text: None)
    assert failed == 1


def test_every_argument_is_documented() -> None:
    for name, member in documented():
        if not inspect.isfunction(member) or name.rpartition(".")[2].startswith("_"):
            continue
        entries = (inspect.getdoc(member) or "").partition("Args:")[2]
        for argument in inspect.signature(member).parameters:
            assert argument == "self" or f"    {argument}: " in entries, (name, argument)
