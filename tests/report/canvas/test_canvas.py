"""The canvas in a browser: drawing by mouse and keyboard, and the answers."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bpnet.data.reading.image import read_digit
from bpnet.data.synthetic import draw_digits
from tests.helpers.accessible import prefer, violations
from tests.helpers.browser import complaints, show
from tests.helpers.pen import draw, strokes_of
from tests.helpers.places import OWN_IMAGES
from tests.helpers.tiny import succeed

SETTLED = """
const done = arguments[0];
requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
"""
SIZES = {"phone": (375, 812), "desktop": (1280, 900)}


@pytest.fixture(scope="session")
def draw_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of `bpnet draw` with the weights that ship."""
    page = tmp_path_factory.mktemp("draw") / "draw.html"
    succeed("draw", "--no-open", "-o", page)
    return page


def said(browser: Chrome) -> str:
    """Return the answer on the page, once everything has been drawn."""
    browser.execute_async_script(SETTLED)
    return browser.find_element(By.ID, "answer").text


def press(browser: Chrome, *keys: str) -> None:
    browser.find_element(By.ID, "pad").send_keys(*keys)


def test_an_empty_canvas_has_no_answer(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page)
    assert said(browser) == "Draw a digit."
    assert browser.find_element(By.ID, "chances").text.split() == [*"0123456789", "no", "digit"]
    assert complaints(browser) == []


def test_strokes_are_read_taken_back_and_cleared(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page)
    bar = [np.array([[0.5, 0.1], [0.48, 0.5], [0.47, 0.9]])]
    draw(browser, bar, 1, 0, 0)
    assert said(browser).startswith("1, ")
    cross = [np.array([[0.2, 0.1], [0.5, 0.09], [0.5, 0.1]]), np.array([[0.3, 0.5], [0.7, 0.5]])]
    draw(browser, cross, 1, 0, 0)
    assert said(browser).startswith("7, ")
    browser.find_element(By.ID, "undo").click()
    browser.find_element(By.ID, "undo").click()
    assert said(browser).startswith("1, ")
    browser.find_element(By.ID, "clear").click()
    assert said(browser) == "Draw a digit."
    assert not browser.find_element(By.ID, "clear").is_enabled()


def test_scribbles_are_not_sure(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page)
    rng = np.random.default_rng(1)
    for _ in range(3):
        draw(browser, [rng.uniform(0.1, 0.9, (40, 2))], 1, 0, 0)
        assert said(browser).startswith("not sure")
        browser.find_element(By.ID, "clear").click()
    dash = [np.array([[0.1, 0.5], [0.9, 0.52]])]
    draw(browser, dash, 1, 0, 0)
    assert said(browser).startswith("not sure")


def test_the_keyboard_draws(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page)
    press(browser, *[Keys.ARROW_UP] * 12)
    assert said(browser) == "Draw a digit."
    press(browser, " ", *[Keys.ARROW_DOWN] * 24)
    assert said(browser).startswith("1, ")
    press(browser, *[Keys.ARROW_RIGHT] * 9, " ", *[Keys.ARROW_UP] * 9)
    assert not said(browser).startswith("1, "), "an L"
    press(browser, Keys.BACKSPACE)
    assert said(browser) == "Draw a digit."
    press(browser, "\ue00d", Keys.ARROW_DOWN, Keys.DELETE)
    assert said(browser) == "Draw a digit."


def test_examples_are_read(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page)
    buttons = browser.find_elements(By.CSS_SELECTOR, "#examples button")
    for digit, button in enumerate(buttons):
        button.click()
        assert said(browser).startswith(f"{digit}, ")
    figures = browser.find_elements(By.CSS_SELECTOR, "#activations figcaption")
    assert figures[0].text == "1.conv: 32 × 24 × 24"
    assert len(figures) == 14


def test_drawn_digits_are_read(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page)
    rng = np.random.default_rng(2026)
    read = []
    for digit in np.arange(50) % 10:
        scale = rng.uniform(0.4, 0.75)
        left, top = rng.uniform(0.08, 0.9 - scale, 2)
        draw(browser, strokes_of(int(digit), rng), scale, left, top)
        read.append(said(browser).startswith(f"{digit}, "))
        browser.find_element(By.ID, "clear").click()
    assert np.mean(read) >= 0.96


def forms() -> NDArray[np.uint8]:
    """Return 200 digits as the network sees them: of the pictures beside the project, if any."""
    paths = sorted(OWN_IMAGES.glob("[0-9]__*"))
    if not paths:
        return draw_digits(200, 4)[0]
    chosen = np.random.default_rng(4).permutation(len(paths))[:230]
    found = [read_digit(paths[place]).pixels for place in chosen]
    return np.array([pixels for pixels in found if pixels is not None][:200])


def test_answers_are_those_of_predict(browser: Chrome, draw_page: Path, tmp_path: Path) -> None:
    pictures = forms()
    assert len(pictures) == 200
    for place, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{place:03}.png")
    document = json.loads(succeed("predict", "--json", "--top", 11, tmp_path).out)
    show(browser, draw_page)
    code = "return [...probabilities(network, forward(network, arguments[0]).at(-1))]"
    classes = browser.execute_script("return network.classes")
    for picture, entry in zip(pictures, document["predictions"], strict=True):
        found = browser.execute_script(code, picture.ravel().tolist())
        expected = {item["label"]: item["probability"] for item in entry["top"]}
        np.testing.assert_allclose(found, [expected[name] for name in classes], atol=1e-3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(browser: Chrome, draw_page: Path, size: str, scheme: str) -> None:
    prefer(browser, scheme)
    show(browser, draw_page, *SIZES[size])
    browser.find_elements(By.CSS_SELECTOR, "#examples button")[4].click()
    said(browser)
    assert violations(browser) == []
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= SIZES[size][0], "it scrolls sideways"
