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
from tests.helpers.browser import complaints, settle, show
from tests.helpers.pen import draw, strokes_of
from tests.helpers.places import OWN_IMAGES
from tests.helpers.tiny import succeed

SIZES = {"phone": (375, 812), "desktop": (1280, 900)}


@pytest.fixture(scope="session")
def draw_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of `bpnet draw` with the weights that ship."""
    page = tmp_path_factory.mktemp("draw") / "draw.html"
    succeed("draw", "--no-open", "-o", page)
    return page


def said(browser: Chrome) -> str:
    """Return the answer on the page, once everything has been drawn."""
    settle(browser)
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
    assert browser.find_element(By.ID, "clear").get_attribute("aria-disabled") == "true"


POINTER = """
const send = (kind, pointerId, x, y) => {
  const pad = document.getElementById("pad");
  const box = pad.getBoundingClientRect();
  const place = {clientX: box.left + x, clientY: box.top + y};
  pad.dispatchEvent(new PointerEvent(kind, {pointerId, bubbles: true, button: 0, ...place}));
};
document.getElementById("pad").setPointerCapture = () => {};
"""


def test_another_finger_leaves_the_stroke_alone(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page)
    moves = "send('pointerdown', 1, 140, 30); send('pointerdown', 2, 20, 20);"
    moves += "send('pointerup', 2, 20, 20); send('pointermove', 1, 135, 250);"
    strokes = browser.execute_script(f"{POINTER} {moves} return pad.strokes")
    assert len(strokes) == 1
    assert len(strokes[0]) == 2
    assert said(browser).startswith("1, ")


def test_a_stroke_that_is_taken_back_ends(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page)
    for end in ("pad.undo()", "pad.clear()", "choose(0); pad.clear()"):
        moves = f"send('pointerdown', 1, 9, 9); {end}; send('pointermove', 1, 90, 90);"
        assert browser.execute_script(f"{POINTER} {moves} return pad.strokes") == []
    moves = "send('pointerdown', 1, 9, 9); send('lostpointercapture', 1, 9, 9);"
    moves += "send('pointerdown', 2, 90, 90); return pad.strokes"
    assert len(browser.execute_script(f"{POINTER} {moves}")) == 2
    assert complaints(browser) == []


def test_the_bars_and_maps_show_the_numbers(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page)
    browser.find_elements(By.CSS_SELECTOR, "#examples button")[8].click()
    said(browser)
    rows = browser.find_elements(By.CSS_SELECTOR, "#chances tr")
    widths = [row.find_element(By.CLASS_NAME, "bar").size["width"] for row in rows]
    assert widths[8] == max(widths) > 10 * sorted(widths)[-2]
    code = """
    const outputs = forward(network, pad.example.pixels);
    const canvas = figures[15];
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [[...outputs.at(-1)], [...data]];
    """
    outputs, colours = browser.execute_script(code)
    dots = np.reshape(colours, (-1, 4))[: len(outputs), :3]
    strength = np.rint(255 * np.abs(outputs) / np.abs(outputs).max())
    assert np.abs(dots[:, 0] - strength).max() <= 1
    assert np.abs(dots[:, 2] - np.where(np.array(outputs) >= 0, strength, 0)).max() <= 1


def test_the_pen_is_where_the_mouse_is(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page, 280, 600)
    draw(browser, [np.array([[0.25, 0.25], [0.75, 0.5]])], 1, 0, 0)
    (stroke,) = browser.execute_script("return pad.strokes")
    np.testing.assert_allclose(stroke[0], [70, 70], atol=4)
    np.testing.assert_allclose(stroke[-1], [210, 140], atol=4)


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
    press(browser, " ", Keys.ARROW_DOWN, Keys.DELETE)
    assert said(browser) == "Draw a digit."
    assert browser.execute_script("return document.activeElement.id") == "pad"


def test_answers_are_read_aloud_when_they_stay(browser: Chrome, draw_page: Path) -> None:
    show(browser, draw_page)
    press(browser, " ")
    spoken = browser.find_element(By.ID, "spoken")
    assert spoken.get_attribute("textContent") == "pen down"
    press(browser, *[Keys.ARROW_DOWN] * 12)
    said(browser)
    aloud = "const done = arguments[0]; setTimeout(() => done(true), QUIET + 200)"
    browser.execute_async_script(aloud)
    assert spoken.get_attribute("textContent") == said(browser)


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
