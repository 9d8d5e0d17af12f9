"""`bpnet.read`: the digits in pictures, as `bpnet predict` reads them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bpnet
from bpnet.model.run_files import ASSETS
from tests.conftest import Run
from tests.helpers.notebook import html_of
from tests.helpers.tiny import process_environment, succeed

SEVEN, YEAR = ASSETS / "seven.jpg", ASSETS / "year.jpg"


def test_it_reads_what_predict_reads() -> None:
    for path, options in ((SEVEN, []), (YEAR, ["--segment"])):
        (said,) = json.loads(succeed("predict", path, "--json", *options).out)["predictions"]
        found = bpnet.read(path, segment=bool(options))
        assert found.image == said["image"]
        assert found.reason == said["reason"]
        assert list(found.warnings) == said["warnings"]
        entries = said.get("digits", [said])
        assert [digit.label for digit in found.digits] == [entry["label"] for entry in entries]
        tops = [[one["probability"] for one in entry["top"]] for entry in entries]
        assert [[one.probability for one in digit.top] for digit in found.digits] == tops
        assert f"{path}: " in repr(found)
        assert repr(found) == succeed("predict", path, *options).out.strip()


def test_a_row_of_digits_is_a_text() -> None:
    found = bpnet.read(YEAR, segment=True)
    assert str(found) == found.text == "1998"
    assert found.label is None
    assert len(found.digits) == 4
    assert html_of(found).count("<tr>") == 5


def test_several_pictures_are_answered_with_a_list() -> None:
    found = bpnet.read([SEVEN, Image.open(SEVEN), np.asarray(Image.open(SEVEN))])
    assert [one.label for one in found] == ["7", "7", "7"]
    assert [one.image for one in found][1:] == ["picture[1]", "picture[2]"]
    many = bpnet.read([SEVEN] * 5)
    assert [one.text for one in many] == ["7"] * 5


SIDE_BY_SIDE = f"""
from concurrent.futures import ThreadPoolExecutor
import bpnet

with ThreadPoolExecutor(4) as threads:
    found = list(threads.map(bpnet.read, [[{str(SEVEN)!r}] * 6] * 4))
print({{one.text for answers in found for one in answers}})
"""


def test_threads_of_a_program_may_read_side_by_side() -> None:
    code = [sys.executable, "-c", SIDE_BY_SIDE]  # a new process, in which nothing is loaded yet
    done = subprocess.run(
        code, env=process_environment(), capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "{'7'}\n", done.stderr


def test_a_doubtful_digit_has_a_reason() -> None:
    found = bpnet.read(SEVEN, min_probability=1.0, top=2)
    assert (found.label, found.text, found.reason) == (None, "", "not sure")
    assert len(found.top) == 2
    blank = bpnet.read(np.full((50, 50), 255, dtype=np.uint8))
    assert (blank.label, blank.reason) == (None, "no digit")
    assert blank.warnings


def test_another_network_reads(digit_run: Run) -> None:
    by_path = bpnet.read(SEVEN, model=digit_run.path)
    assert by_path == bpnet.read(SEVEN, model=bpnet.load(digit_run.path))


def test_what_cannot_be_read_gets_advice(tmp_path: Path) -> None:
    with pytest.raises(bpnet.DataError, match=r"give list\(images\)"):
        bpnet.read(np.zeros((5, 28, 28), dtype=np.uint8))
    with pytest.raises(bpnet.DataError, match=r"nothing\.png"):
        bpnet.read([SEVEN, tmp_path / "nothing.png"])
    for least in (2, -0.1, "much", float("nan")):
        unlikely: Any = least
        with pytest.raises(bpnet.ConfigError, match="expected: 0 to 1"):
            bpnet.read(SEVEN, min_probability=unlikely)
    for number in (0, 1.5, "2", True, None):
        for name in ("top", "views"):
            arguments: Any = {name: number}
            with pytest.raises(bpnet.ConfigError, match=f"where: {name}"):
                bpnet.read(SEVEN, **arguments)
    two: Any = np.int64(2)
    assert len(bpnet.read(SEVEN, top=two).top) == 2
    with pytest.raises(bpnet.CheckpointError):
        bpnet.read(SEVEN, model=tmp_path)


def test_names_of_files_cannot_write_html(tmp_path: Path) -> None:
    path = tmp_path / "<b>x.png"
    Image.open(SEVEN).save(path)
    found = bpnet.read(path)
    assert "<b>" not in html_of(found)
