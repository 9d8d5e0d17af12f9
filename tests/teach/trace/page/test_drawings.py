"""Drawings of small and large networks in a browser: numbers, shades, phones, colours."""

import numpy as np
import pytest
from selenium.webdriver import ActionChains, Keys

from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.nn.facts import number
from bpnet.teach.trace.trace import trace
from tests.helpers.accessible import prefer, violations
from tests.helpers.step_page import Page
from tests.helpers.tiny import read_config
from tests.teach.trace.worked.test_worked import pictures, vectors

SIGNS = """
[data]
dataset = table
inputs = 1
targets = 1
[model]
layers =
    linear 1
    scale -0.5
[weights]
1.bias = -2
[train]
loss = mse
"""

NOT_HELD = "too many numbers to hold: see bpnet trace --json"

CONTRAST = """
const luminance = (colour) => {
  const [red, green, blue] = colour.match(/\\d+/g).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
return [...document.querySelectorAll(".cell")].map((cell) => {
  const parts = [cell.querySelector("rect"), cell.querySelector("text")];
  const [a, b] = parts.map((part) => luminance(getComputedStyle(part).fill));
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
});
"""

COUNT_PAINTED = """
window.painted = 0;
const original = HTMLCanvasElement.prototype.toDataURL;
HTMLCanvasElement.prototype.toDataURL = function () {
  painted += 1;
  return original.call(this);
};
"""

# Titles of all positions, after choosing the last output of the layer whose turn it is.
EVERY_POSITION = """
return POSITIONS.map((position, place) => {
  const layer = position.layer ?? 0;
  const last = count(TRACE.layers[layer].shape) - 1;
  change({ position: place, chosen: { kind: "neuron", layer, place: last } });
  return titleOf(TRACE, position);
});
"""


def test_many_targets_are_counted(page: Page) -> None:
    rows = SIGNS.replace("targets = 1", f"targets = {' '.join(['1'] * 14)}")
    page.show(read_config(rows.replace("linear 1", "linear 14").replace("1.bias", ";")))
    listed = [one for one in page.texts("#network text.small") if one.startswith(("y", "…"))]
    assert listed[8:] == ["y₉ = 1", "y₁₀ = 1", "y₁₁ = 1", "y₁₂ = 1", "… 2 more"]


def test_signs_of_labels_read_well(page: Page) -> None:
    page.show(read_config(SIGNS))
    page.moment("after backward")
    assert page.text("#network .bias text.weight") == "− 2"
    assert "· (−0.5)" in page.texts("#network text.gradient")
    page.show(read_config(SIGNS.replace("-2", "2").replace("-0.5", "0.5")))
    page.moment("after backward")
    assert page.text("#network .bias text.weight") == "+ 2"
    assert "· 0.5" in page.texts("#network text.gradient")


@pytest.mark.parametrize("name", ["chain", "conv", "keras", "keras-classes", "residual"])
def test_a_phone_scrolls_only_what_is_wide(name: str, page: Page) -> None:
    page.resize(375, 812)
    page.open(name)
    for moment in ("before backward", "after backward", "after step", "after zero"):
        page.moment(moment)
        for weight in list(page.weights())[:2]:
            page.click(f'[data-key="row {weight}"]')
            assert page.run("return document.documentElement.scrollWidth") <= 375


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_stand_out_from_their_cells(scheme: str, page: Page) -> None:
    page.colours(scheme)
    page.open("conv")
    page.moment("after backward")
    found = page.run(CONTRAST)
    assert len(found) > 20
    assert min(found) >= 4.5


def test_without_scripts_the_tables_are_there(page: Page) -> None:
    page.scripts(run=False)
    try:
        page.open("chain")
        text = page.find("body").text
        assert not page.find("#interactive").is_displayed()
    finally:
        page.scripts(run=True)
    assert "Scripts are off." in text
    for found in ("−4800", "−2640", "34", "25", "33.2", "sum = gradient −4800"):
        assert found in text


def test_a_large_network_is_drawn_as_pictures(page: Page) -> None:
    page.open("quickstart", "data.synthetic_train=2100", "train.batch_size=1")
    page.moment("after backward")
    assert len(page.all("#network image")) > 10
    page.run("choose({ kind: 'neuron', layer: 0, place: 30 })")
    assert page.all("#network .frame")
    picture = page.key("output of 2.maxpool")
    page.run("arguments[0].focus()", picture)
    ActionChains(page.driver).send_keys(Keys.ENTER).perform()
    assert "2.maxpool" in page.text("#chosen")
    ActionChains(page.driver).send_keys(Keys.ARROW_RIGHT).perform()
    assert "2.maxpool[1,1,2]" in page.text("#chosen")
    ActionChains(page.driver).send_keys(Keys.ENTER).perform()
    assert "2.maxpool[1,1,2]" in page.text("#chosen")  # it does not jump back to the first
    page.run("choose({ kind: 'weight', parameter: '10.weight', place: 7 })")
    assert "Not listed: " in page.text("#chosen")
    assert page.errors() == []


def test_a_picture_is_painted_once(page: Page) -> None:
    page.colours("light")
    page.open("quickstart", "data.synthetic_train=2100", "train.batch_size=1")
    page.moment("after zero")
    page.moment("before backward")
    page.run(COUNT_PAINTED)
    page.moment("after zero")
    page.moment("before backward")
    assert page.run("return painted") == 0
    page.colours("dark")
    assert page.run("change({}); return painted") > 0
    page.colours("light")


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["chain", "conv", "sigmoid", "neuron-cross-entropy"])
def test_axe_finds_nothing(name: str, scheme: str, width: int, page: Page) -> None:
    page.resize(width, 900)
    prefer(page.driver, scheme)
    page.open(name)
    page.moment("after backward")
    page.click("#weights th button")
    assert violations(page.driver) == []
    prefer(page.driver, "light")


@pytest.mark.parametrize("config", [vectors(), pictures()], ids=["vectors", "pictures"])
def test_every_layer_is_shown_at_every_position(config: Config, page: Page) -> None:
    page.show(config)
    titles = page.run(EVERY_POSITION)
    layers = len(config.model.layers)
    assert len(titles) == len(set(titles)) == 2 * layers + 5
    assert page.errors() == []


def test_what_is_held_as_a_shade_is_not_read_as_a_number(page: Page) -> None:
    config = load_config("quickstart", ("data.synthetic_train=2100", "train.batch_size=1"))
    traced = trace(config, 1)[0].parameters["8.weight"]
    page.show(config)
    page.moment("after backward")
    by_size = np.abs(traced.grad).argsort(axis=None)
    columns = traced.shape[1]
    seen = set()
    for place in (3 * columns + 34, *by_size[::400], by_size[-1]):
        row, column = np.unravel_index(place, traced.shape)
        value, gradient = (
            number(float(array[row, column])) for array in (traced.before, traced.grad)
        )
        choice = {"kind": "weight", "parameter": "8.weight", "place": int(place)}
        page.run("change({ chosen: arguments[0] })", choice)
        heading, factored = page.text("#chosen h2"), page.text("#chosen .symbols")
        name, _, _ = heading.partition(":")
        assert name in (
            f"8.weight[{row + 1},{column + 1}] = {value}",
            f"8.weight[{row + 1},{column + 1}] (too many numbers to hold",
        )
        assert factored.rpartition(" = ")[2] in (gradient, f"… ({NOT_HELD})")
        seen |= {name.partition(" ")[2][0], factored.rpartition(" = ")[2]}
        if traced.grad[row, column] == 0:
            assert factored == "gradient = 0"
    assert {"=", "(", "0", f"… ({NOT_HELD})"} < seen


def test_numbers_stay_within_their_cells(page: Page) -> None:
    page.open("conv")
    numbers = ["-1.23e-4", "-0.00329", "-123456.7", "-1.11e-11"]
    page.run(
        "const drawing = svg('svg', {}, drawArray(arguments[0], arguments[0], [4], "
        "{ name: 'a', cellName: String, isLit: () => false, chosen: -1 })); "
        "document.getElementById('network').replaceChildren(drawing)",
        [float(one) for one in numbers],
    )
    widths = page.run(
        "return [...document.querySelectorAll('#network .cell')].map((cell) => "
        "[...cell.children].map((one) => one.getBBox().width))"
    )
    assert len(widths) == len(numbers)
    assert [text for cell, text in widths if text >= cell] == []


def test_labels_keep_three_digits(page: Page) -> None:
    page.open("chain")
    for value, written in (
        (-0.000328899, "−3.29e−4"),
        (-0.00123456, "−0.00123"),
        (-4800000, "−4.8e6"),
        (-4800, "−4800"),
        (-123.4567, "−123.457"),
        (-1.23456e-12, "−1.23e−12"),
        (0.0000015, "1.5e−6"),
        (0, "0"),
    ):
        assert page.run("return shortText(arguments[0])", value) == written
    for value in (1 / 3 * 10.0**power for power in range(-12, 13)):
        for room in (5, 6, 7):
            short = page.run("return shortText(-arguments[0], arguments[1])", value, room)
            found = float(short.replace("−", "-"))
            assert found == pytest.approx(-value, rel=5.1e-3)


def test_numbers_are_written_as_python_writes_them(page: Page) -> None:
    page.open("chain")
    values = [
        sign * digits * 10.0**power
        for sign in (1, -1)
        for digits in (1, 2.5, 9.999995, 1 / 3)
        for power in range(-12, 13)
    ]
    values += [0.0, -0.0, 100000, 999999.5, 1234567, 0.0001, 0.00009999999]
    written = page.run("return arguments[0].map((value) => text(value))", values)
    assert written == [number(value) for value in values]
