"""What is drawn becomes the picture that `predict` would make of the same ink."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from selenium.webdriver import Chrome

from bpnet.data.drawing.handwriting import Handwriting
from bpnet.data.placement import crop_to_ink
from bpnet.data.reading.image import Box, DigitPicture, as_mnist_shows, is_digit_shaped
from bpnet.data.reading.resample import resample
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.preparation import Preparation, made_from
from bpnet.model.run_files import WEIGHTS
from bpnet.report.canvas.draw_page import parts
from bpnet.report.canvas.page_network import form_of

FUNCTIONS = "".join(parts().scripts[:3])  # weights.js, network.js and digit.js
FORMS = {
    "mnist": {},
    "transposed, dark on white": {"orientation": (True, False, False), "paper": 255.0, "ink": 0.0},
    "mirrored and flipped": {"orientation": (False, True, True)},
    "larger": {"frame": (36, 32), "box": (30, 20), "centre": (18.0, 16.0)},
    "in the middle": {"box": (24, 24), "by_mass": False, "keeps_aspect": False},
    "no strokes": {"box": (28, 28), "strokes": False, "by_mass": False},
}


@pytest.fixture(scope="module")
def mnist_form() -> Preparation:
    form = load_checkpoint(WEIGHTS, weights_only=True).preparation()
    assert form is not None
    return form


def drawn_ink(seed: int) -> NDArray[np.float32]:
    """Return a digit drawn large on paper, with a pen of any width."""
    rng = np.random.default_rng(seed)
    hand = Handwriting()
    ink = hand.write(hand.choose_styles(np.array([seed % 10]), rng), rng)[:, :, 0]
    large = np.clip(3 * resample(ink, *rng.integers(40, 150, 2)) - 1, 0, 1)
    return np.pad(large, rng.integers(1, 60, (2, 2)))


def shown(browser: Chrome, ink: NDArray[np.float32], code: str, *arguments: object) -> Any:
    """Return what a piece of JavaScript makes of some ink."""
    browser.get("about:blank")
    height, width = ink.shape
    values = ink.ravel().tolist()
    make = f"{FUNCTIONS}; const ink = plane({height}, {width}, Float32Array.from(arguments[0]));"
    return browser.execute_script(f"{make} return {code}", values, *arguments)


@pytest.mark.parametrize("name", FORMS)
def test_ink_becomes_the_same_picture(browser: Chrome, name: str, mnist_form: Preparation) -> None:
    form = dataclasses.replace(mnist_form, **FORMS[name])  # type: ignore[arg-type]
    for seed in range(5):
        ink = drawn_ink(seed)
        whole = Box(0, ink.shape[0], 0, ink.shape[1])
        if form.strokes:
            pixels = as_mnist_shows(ink)
            digit = made_from(DigitPicture(pixels, np.dstack([ink] * 3), ink, whole), form)
            expected = digit.pixels
        else:
            expected = form.placed(ink)
        assert expected is not None
        found = shown(browser, ink, "[...prepare(ink, arguments[1])]", form_of(form))
        away = np.abs(np.reshape(found, expected.shape) - expected.astype(float))
        assert away.max() <= 2, "greys, of 256"
        assert away.mean() < 0.02


def test_scribbles_and_lines_are_known_as_in_python(browser: Chrome) -> None:
    y, x = np.mgrid[:120, :120]
    scribble = (np.hypot(x % 20 - 10, y % 24 - 12) < 9).astype(np.float32)
    line = np.ones((8, 100), dtype=np.float32)
    for ink, is_digit in ((drawn_ink(3), True), (scribble, False), (line, False)):
        whole = Box(0, ink.shape[0], 0, ink.shape[1])
        cropped = crop_to_ink(ink)
        digit = DigitPicture(None, np.dstack([ink] * 3), ink, whole)
        assert is_digit_shaped(digit) is is_digit
        assert shown(browser, cropped, "isDigitShaped(ink)") is is_digit


def test_paper_without_ink_has_no_digit(browser: Chrome) -> None:
    blank = np.zeros((9, 9), dtype=np.float32)
    assert shown(browser, blank, "cropToInk(ink)") is None
