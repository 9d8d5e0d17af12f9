"""Check that the weights that ship with bpnet read rows, and say what is no digit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bpnet.config.values import NO_DIGIT
from bpnet.data.synthetic import draw_digits
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import WEIGHTS
from tests.helpers.tiny import succeed

Grey = NDArray[np.float64]

pytestmark = pytest.mark.skipif(not WEIGHTS.is_file(), reason="needs the shipped weights")

SCALE = 3  # times the size of a drawn digit
SEED = 71


def read(tmp_path: Path, grey: Grey, *words: str) -> dict[str, Any]:
    """Return what `predict` answers to a picture of greys 0–1."""
    path = tmp_path / "page.png"
    Image.fromarray(np.uint8(np.rint(255 * grey))).save(path)
    document = json.loads(succeed("predict", str(path), "--json", *words).out)
    answer: dict[str, Any] = document["predictions"][0]
    return answer


def row_of(text: str, gap: int = 4) -> Grey:
    """Draw digits in a row, ink 1 on paper 0."""
    pictures, _ = draw_digits(np.array([int(digit) for digit in text]), SEED)
    inks = [np.kron(picture / 255, np.ones((SCALE, SCALE))) for picture in pictures]
    cropped = [ink[:, np.flatnonzero(ink.any(axis=0))] for ink in inks]
    return np.concatenate([np.pad(ink, ((0, 0), (gap, gap))) for ink in cropped], axis=1)


def page_of(*texts: str, gap: int = 4) -> Grey:
    """Draw rows of digits on paper with light from one side."""
    rows = [row_of(text, gap) for text in texts]
    width = max(row.shape[1] for row in rows)
    ink = np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows])
    ink = np.pad(ink, 20)
    light = np.linspace(0.95, 0.75, ink.shape[1])
    return light * (1 - 0.8 * ink)


def test_the_last_class_is_for_what_is_no_digit() -> None:
    model = load_checkpoint(WEIGHTS, weights_only=True).model(fast=False)
    assert model.class_names == (*"0123456789", NO_DIGIT)
    assert model.temperature is not None


@pytest.mark.parametrize("text", ["2", "407", "31598"])
def test_a_row_of_digits_is_read(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, page_of(text), "--segment")["text"] == text


def test_rows_are_read_from_top_to_bottom(tmp_path: Path) -> None:
    assert read(tmp_path, page_of("5201", "863"), "--segment")["text"] == "5201\n863"


def test_digits_that_almost_touch_are_kept_apart(tmp_path: Path) -> None:
    assert read(tmp_path, page_of("2085", gap=1), "--segment")["text"] == "2085"


def test_digits_in_the_boxes_of_a_form_are_read(tmp_path: Path) -> None:
    ink = np.zeros((110, 4 * 92 + 20))
    pictures, _ = draw_digits(np.array([4, 0, 9, 6]), SEED)
    for place, picture in enumerate(pictures):
        left = 10 + 92 * place
        ink[10:100, left : left + 92] = 1
        ink[12:98, left + 2 : left + 90] = 0
        ink[13:97, left + 4 : left + 88] = np.kron(picture / 255, np.ones((SCALE, SCALE)))
    assert read(tmp_path, 1 - 0.8 * ink, "--segment")["text"] == "4096"


def test_ink_that_is_left_out_is_told(tmp_path: Path) -> None:
    page = page_of("37")
    page = np.concatenate([np.full((len(page), 60), 0.95), page], axis=1)
    page[60:66, 14:50] = 0.15  # a minus sign
    answer = read(tmp_path, page, "--segment")
    assert answer["text"] == "37"
    assert any("left out" in warning for warning in answer["warnings"])


def letter(text: str) -> Grey:
    """Write a letter in Pillow's own font."""
    picture = Image.new("L", (160, 160), 240)
    font = ImageFont.load_default(size=100)
    ImageDraw.Draw(picture).text((45, 20), text, fill=20, font=font)
    return np.asarray(picture) / 255


def noise(grain: int) -> Grey:
    """Return grains of random grey."""
    grains = np.random.default_rng(1).random((20, 20))
    grey: Grey = np.kron(grains, np.ones((grain, grain))).astype(np.float64)
    return grey


@pytest.mark.parametrize(
    "draw",
    [
        lambda: letter("W"),
        lambda: letter("K"),
        lambda: letter("@"),
        lambda: noise(4),
        lambda: noise(9),
    ],
)
def test_what_is_no_digit_gets_no_label(tmp_path: Path, draw: Callable[[], Grey]) -> None:
    answer = read(tmp_path, draw())
    assert answer["label"] is None
    assert answer["reason"] in (NO_DIGIT, "not sure")


def test_a_digit_is_found_on_squared_paper(tmp_path: Path) -> None:
    picture, _ = draw_digits(np.array([8]), SEED)
    ink = np.pad(np.kron(picture[0] / 255, np.ones((5, 5))), 60)
    lines = np.zeros_like(ink)
    lines[::22], lines[:, ::22] = 1, 1
    grey = 0.9 - 0.5 * np.maximum(ink, 0.5 * lines)
    assert read(tmp_path, grey)["label"] == "8"
