"""`bpnet draw`: the page, where it lies, and what cannot be drawn."""

import webbrowser
from pathlib import Path

import platformdirs
import pytest

from tests.conftest import Run
from tests.helpers.tiny import TABLE, fail, succeed


def test_the_page_stands_alone(tmp_path: Path) -> None:
    page = tmp_path / "draw.html"
    assert succeed("draw", "--no-open", "-o", page).out == f"{page}\n"
    text = page.read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert len(text) < 3_000_000
    assert '"name": "digits"' in text


def test_it_is_opened_where_there_is_a_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def once(address: str) -> bool:
        asked.append(address)
        return len(asked) == 1

    monkeypatch.setattr(webbrowser, "open", once)
    page = tmp_path / "draw.html"
    assert succeed("draw", "-o", page).err == ""
    assert "no browser was found" in succeed("draw", "-o", page).err
    assert asked == [page.as_uri()] * 2


def test_it_lies_in_the_cache_directory_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    assert succeed("draw", "--no-open").out == f"{tmp_path}/cache/draw.html\n"
    assert f"page        {tmp_path}/cache" in succeed("data", "clean").out
    assert not (tmp_path / "cache" / "draw.html").exists()
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "file" / "x")
    message = fail(3, "draw", "--no-open")
    assert "the cache directory cannot be made" in message
    assert "-o" in message


def test_a_trained_network_answers_in_its_own_classes(tiny_run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    succeed("draw", "--no-open", "--checkpoint", tiny_run.path, "-o", page)
    text = page.read_text(encoding="utf-8")
    assert '"classes": ["0", "1", "2"]' in text
    assert '"frame": [8, 8]' in text


def test_names_and_places_that_are_wrong(tmp_path: Path) -> None:
    assert "this is not the name of a page" in fail(
        2, "draw", "--no-open", "-o", tmp_path / "a.png"
    )
    assert "there is no such folder" in fail(
        3, "draw", "--no-open", "-o", tmp_path / "b" / "a.html"
    )
    (tmp_path / "c.html").mkdir()
    assert "there can be no page here" in fail(3, "draw", "--no-open", "-o", tmp_path / "c.html")
    nowhere = tmp_path / "none.npz"
    page = tmp_path / "a.html"
    assert "there is no checkpoint here" in fail(4, "draw", "--checkpoint", nowhere, "-o", page)
    assert not page.exists()


def test_a_network_for_numbers_draws_nothing(tmp_path: Path) -> None:
    (tmp_path / "table.ini").write_text(TABLE)
    succeed("train", "--config", tmp_path / "table.ini", "--run-dir", tmp_path / "run")
    message = fail(
        2, "draw", "--no-open", "--checkpoint", tmp_path / "run", "-o", tmp_path / "a.html"
    )
    assert "it does not answer grey pictures with classes" in message
