"""Which Pythons and which tests the check of platforms takes."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.helpers.places import PROJECT

check_platforms = import_module("scripts.check_platforms")
MINORS, OTHER, QUICK = check_platforms.MINORS, check_platforms.OTHER, check_platforms.QUICK
present = check_platforms.present


def test_the_quick_tests_exist() -> None:
    assert all((PROJECT / place).exists() for place in QUICK)


def test_another_python_is_the_newest_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(check_platforms, "which", lambda name: None)
    assert present("python3.99") == "python3.99"
    assert present(OTHER) is None
    assert "not tested" in capsys.readouterr().out
    minors = [minor for minor in MINORS if minor != sys.version_info.minor]
    for minor in minors[:2]:
        place = tmp_path / ".pyenv" / "versions" / f"3.{minor}.1" / "bin" / "python"
        place.parent.mkdir(parents=True)
        place.symlink_to(sys.executable if minor == minors[1] else "/bin/false")
    assert present(OTHER) == str(place)
