"""`bpnet trace --html` and `--latex`: where the page goes, and what is refused before the work."""

import webbrowser
from pathlib import Path

import pytest

from bpnet.teach.trace import trace
from tests.helpers.tiny import fail, succeed


@pytest.fixture
def _untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any computation fail."""

    def refuse(*_: object) -> None:
        raise AssertionError("something was computed")

    monkeypatch.setattr(trace, "TracedRun", refuse)


def test_a_page_is_written_and_its_place_is_said(tmp_path: Path) -> None:
    path = tmp_path / "chain.html"
    answer = succeed("trace", "chain", "--steps", 2, "--html", path)
    assert answer.out == ""
    assert answer.err == f"page: {path}\n"
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "one number through three steps" in page
    assert "Step 2, epoch 2" in page
    assert [one.name for one in tmp_path.iterdir()] == ["chain.html"]


def test_a_config_of_ones_own_makes_a_page(tmp_path: Path) -> None:
    config = tmp_path / "net.ini"
    config.write_text(
        "[data]\ndataset = table\ninputs = 1\ntargets = 1\n[model]\nlayers = linear 1\n"
        "[train]\nloss = mse\n",
        encoding="utf-8",
    )
    succeed("trace", config, "--html", tmp_path / "page.htm")
    assert "[data]" not in (tmp_path / "page.htm").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--html", "a.html", "--json"), "choose one of --json and --html"),
        (("--html", "a.html", "--latex"), "choose one of --html and --latex"),
        (("--latex", "--json"), "choose one of --json and --latex"),
        (("--html", "a.html", "--brief"), "--html shows all"),
        (("--latex", "--only", "forward"), "--latex shows all"),
        (("--open",), "--open needs --html"),
        (("--html", "a.txt"), "a name that ends in .html"),
    ],
)
@pytest.mark.usefixtures("_untraced")
def test_what_does_not_fit_is_refused_before_the_work(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fail(2, "trace", "chain", *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_untraced")
def test_a_missing_folder_is_named_before_the_work(tmp_path: Path) -> None:
    message = fail(3, "trace", "chain", "--html", tmp_path / "none" / "a.html")
    assert "there is no such folder" in message


@pytest.mark.usefixtures("_untraced")
def test_a_page_needs_jinja2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpnet.packages.find_spec", lambda name: None)
    message = fail(2, "trace", "chain", "--html", tmp_path / "a.html")
    assert "the page needs jinja2" in message


def test_text_and_latex_need_no_jinja2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpnet.packages.find_spec", lambda name: None)
    assert "−4800" in succeed("trace", "chain").out
    assert "-4800" in succeed("trace", "chain", "--latex").out


def test_a_page_can_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.delenv("BROWSER", raising=False)

    def remember(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", remember)
    path = tmp_path / "a.html"
    succeed("trace", "chain", "--html", path, "--open")
    assert opened == [path.as_uri()]
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    assert "no browser was found" in succeed("trace", "chain", "--html", path, "--open").err


def test_large_arrays_are_told_of(tmp_path: Path) -> None:
    words = ("--set", "model.layers=linear 50, linear 1", "--latex")
    answer = succeed("trace", "keras", *words)
    assert "large arrays are left out" in answer.err
    assert succeed("trace", "keras", "--latex").err == ""
