"""Notes about runs."""

from pathlib import Path

import pytest

from bpnet.errors import CheckpointError, ConfigError
from bpnet.runs.note import LONGEST, read_note, write_note


def test_a_note_is_kept_replaced_and_removed(tmp_path: Path) -> None:
    assert read_note(tmp_path) is None
    write_note(tmp_path, "  half the rate, σ = 2\nand more ")
    assert read_note(tmp_path) == "half the rate, σ = 2\nand more"
    write_note(tmp_path, "another")
    assert read_note(tmp_path) == "another"
    write_note(tmp_path, " ")
    assert read_note(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_note_is_refused(tmp_path: Path) -> None:
    for text in ("x" * (LONGEST + 1), "\udcff"):
        with pytest.raises(ConfigError, match="the note"):
            write_note(tmp_path, text)
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_note(tmp_path / "nowhere", "x")
    assert list(tmp_path.iterdir()) == []
