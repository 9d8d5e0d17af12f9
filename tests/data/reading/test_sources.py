"""Which pictures a user means: files, folders, patterns, addresses."""

import os
import sys
from pathlib import Path

import pytest

from bpnet.data.reading.sources import find_pictures
from bpnet.errors import DataError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory with pictures in several folders."""
    for name in (
        *("b/2.png", "b/10.PNG", "b/c/d/1.jpeg", "a/z.tiff", "a/notes.txt", "b/Thumbs.db"),
        *("b/.hidden.png", ".git/9.png", "a[1].png", "top.bmp"),
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*words: str) -> list[str]:
    pictures = find_pictures(words).pictures
    assert all(isinstance(picture, str) for picture in pictures), pictures
    return [str(picture).replace(os.sep, "/") for picture in pictures]


def refused(word: str) -> DataError:
    (error,) = find_pictures([word]).pictures
    assert isinstance(error, DataError)
    return error


@pytest.mark.usefixtures("tree")
def test_a_folder_is_searched_to_any_depth_in_the_order_of_names() -> None:
    everything = ["in/a[1].png", "in/top.bmp", "in/a/z.tiff", "in/b/10.PNG", "in/b/2.png"]
    everything.append("in/b/c/d/1.jpeg")
    assert found("in") == found("in/") == everything
    assert find_pictures(["in"]).left_out == 2  # hidden ones are not counted
    assert found("in/b", "in/a", "in/b/c") == [*everything[3:], everything[2], everything[5]]


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("in/b/*.png", ["in/b/2.png"]),
        ("in/?/[0-9]*", ["in/b/10.PNG", "in/b/2.png"]),
        ("in/**/*.jpeg", ["in/b/c/d/1.jpeg"]),
        ("./in/b/../*/z.*", ["in/b/../a/z.tiff"]),
        ("in/b*", ["in/b/10.PNG", "in/b/2.png", "in/b/c/d/1.jpeg"]),
        ("in/b/.h*", ["in/b/.hidden.png"]),
        ("in/a[1].png", ["in/a[1].png"]),  # there is a file of that name
    ],
)
def test_a_pattern_finds_what_a_shell_would(pattern: str, names: list[str]) -> None:
    assert found(pattern) == names


def test_patterns_and_folders_may_be_absolute(tree: Path) -> None:
    assert found(f"{tree}/in/b/*.png") == [f"{tree}/in/b/2.png"]
    assert found(f"{tree}/in/a") == [f"{tree}/in/a/z.tiff"]


@pytest.mark.usefixtures("tree")
def test_a_picture_that_two_folders_of_a_pattern_lead_to_is_read_once() -> None:
    names = found("in/**")
    assert len(names) == len(set(names)) >= 6
    assert found("in/top.bmp", "in/top.bmp") == ["in/top.bmp"] * 2  # but as often as it is named


@pytest.mark.usefixtures("tree")
def test_files_addresses_and_the_dash_are_left_as_they_are() -> None:
    words = (
        "-",
        "https://example.org/a*?b",
        "nowhere.png",
        "in/a/notes.txt",
        "a\0*",
        "n" * 300 + "*",
    )
    assert found(*words) == list(words)


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("", "empty name"),
        ("empty", "no picture in a folder"),
        (".git/*", "names no picture"),
        ("in/*.gif", "names no picture"),
        ("nowhere/*.png", "names no picture"),
        ("in/a**b", "names no picture"),
    ],
)
def test_words_behind_which_there_is_no_picture_are_named(word: str, what: str) -> None:
    assert what in refused(word).what


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
@pytest.mark.parametrize("start", ["https:/", "https:"])
def test_an_address_that_lost_a_slash_is_understood(start: str) -> None:
    message = str(refused(f"{start}me:secret@example.org/1.png?token=secret"))
    assert "did you mean https://***@example.org/1.png?***?" in message
    assert "secret" not in message


def test_links_to_folders_are_not_followed(tree: Path) -> None:
    (tree / "in" / "a" / "round").symlink_to(tree / "in")
    (tree / "in" / "a" / "round.png").symlink_to(tree / "in")
    (tree / "in" / "a" / "file.png").symlink_to(tree / "in" / "b" / "2.png")
    (tree / "in" / "a" / "self.png").symlink_to("self.png")
    assert found("in/a") == ["in/a/file.png", "in/a/self.png", "in/a/z.tiff"]
    assert find_pictures(["in/a"]).left_out == 3
    (tree / "link").symlink_to(tree / "in" / "b" / "c")
    assert found("link") == ["link/d/1.jpeg"]  # unless they are named
    assert found("in/**/*.tiff") == ["in/a/z.tiff"]


def test_a_folder_may_be_deep(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"abcdefghij" * 60)
    deep.mkdir(parents=True)
    (deep / "1.png").touch()
    assert found(str(tmp_path)) == [str(deep / "1.png")]
