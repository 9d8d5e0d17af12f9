"""The page of a trace in a real browser: slider, keys, clicks, paths, phones, no scripts."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from bpnet.config.loading import load_config
from bpnet.config.presets import example_paths
from bpnet.config.settings import Config
from bpnet.nn.facts import number
from bpnet.teach.trace.page.page import trace_page
from bpnet.teach.trace.trace import trace
from tests.helpers.accessible import prefer, violations
from tests.helpers.tiny import read_config
from tests.teach.trace.test_trace import TABLE
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


# What is lit in the drawing: neurons, biases and cells by name, edges by their ends.
LIT = """
const all = (selector) => [...document.querySelectorAll(`#network ${selector}`)];
const spoken = (element) => element.getAttribute("aria-label").match(/^[^\\]]*\\]|^loss/)[0];
return {
  names: [
    ...all(".node.is-lit > [role=button]"),
    ...all(".node.is-lit[role=img]"),
    ...all(".bias.is-lit > [role=button]"),
    ...all(".cell.is-lit [role=button]"),
  ].map(spoken),
  edges: all(".edge.is-lit[data-edge]").map((edge) => [edge.dataset.weight, edge.dataset.edge]),
};
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


class Page:
    """One page in a browser.

    Args:
        driver: of the browser.
        folder: for the page.
    """

    def __init__(self, driver: WebDriver, folder: Path) -> None:
        self.driver = driver
        self.folder = folder
        self.resize(1280, 900)

    def open(self, source: str, *overrides: str, steps: int = 1) -> None:
        self.show(load_config(source, overrides), steps)

    def show(self, config: Config, steps: int = 1) -> None:
        path = self.folder / "page.html"
        path.write_text(trace_page("net", "", config, trace(config, steps)), encoding="utf-8")
        self.driver.get(path.as_uri())

    def resize(self, width: int, height: int) -> None:
        self._devtools("Emulation.setDeviceMetricsOverride", width=width, height=height)

    def colours(self, scheme: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def scripts(self, *, run: bool) -> None:
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not run})

    def _devtools(self, command: str, **size: int) -> None:
        words = {**size, "deviceScaleFactor": 1, "mobile": size["width"] < 500}
        self.driver.execute_cdp_cmd(command, words)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all that are found, at one moment."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)",
            selector,
        )
        return [" ".join(one.split()) for one in found]

    def text(self, selector: str) -> str:
        (found,) = self.texts(selector)
        return found

    def key(self, name: str) -> WebElement:
        return self.find(f'[data-key="{name}"]')

    def click(self, selector: str) -> None:
        self.driver.execute_script("arguments[0].click()", self.find(selector))

    def moment(self, words: str) -> None:
        (button,) = (one for one in self.all("[data-moment]") if one.text == words)
        button.click()

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def errors(self) -> list[Any]:
        found: list[Any] = self.driver.get_log("browser")
        return found

    def weights(self) -> dict[str, tuple[str, str]]:
        """Return value and gradient of every weight in the table."""
        columns = (self.texts(f"#weights {one}") for one in ("th button", ".value", ".gradient"))
        return {name: (value, gradient) for name, value, gradient in zip(*columns, strict=True)}


@pytest.fixture
def page(browser: WebDriver, tmp_path: Path) -> Page:
    return Page(browser, tmp_path)


def test_the_chain_is_told_as_tutorials_print_it(page: Page) -> None:
    page.open("chain")
    page.moment("before backward")
    assert page.weights() == {
        "1.weight[1,1]": ("10", "none"),
        "1.bias[1]": ("1", "none"),
        "2.weight[1,1]": ("20", "none"),
    }
    page.moment("after backward")
    gradients = ("−4800", "−4800", "−2640")
    assert [found for _, found in page.weights().values()] == list(gradients)
    page.moment("after step")
    after = zip(("34", "25", "33.2"), gradients, strict=True)
    assert list(page.weights().values()) == list(after)
    page.moment("after zero")
    assert [found for _, found in page.weights().values()] == ["0", "0", "0"]
    assert "bpnet overwrites them" in page.text("#moment")
    assert page.errors() == []


def test_a_formula_stands_in_symbols_with_numbers_and_as_a_value(page: Page) -> None:
    page.open("chain")
    page.click("#next")
    assert page.text("#explanation .symbols") == "z = W a + b"
    cells = page.texts("#explanation td")
    assert cells == ["= 10 · 1 + 1", "= 11"]


def test_what_a_loss_does_itself_is_explained(page: Page) -> None:
    page.open("neuron-cross-entropy")
    page.moment("before backward")
    assert page.text("#network .held .value") == "0.98201"
    assert page.all("#network .held .gradient") == []
    assert "The loss applies the sigmoid itself" in page.text("#explanation")
    assert "= 0.982014" in page.texts("#explanation td")
    page.click("#next")
    cells = page.texts("#explanation td")
    assert cells[1] == "= 55.5982"
    assert page.text("#network .held .gradient") == "55.5982"
    assert "· 0.0177" in page.texts("#network text.gradient")
    assert cells[2:4] == ["= 0.0176627 · 55.5982", "= 0.982014"]
    assert "Loss and sigmoid cancel" in page.text("#explanation")
    assert page.errors() == []


def test_what_is_not_finite_is_no_number(page: Page) -> None:
    page.open("neuron-cross-entropy", "weights.1.weight=800")
    page.moment("before backward")
    page.click("#next")
    assert page.text("#network .held .value") == "1"
    assert page.text("#network .held .gradient") == "?"
    assert page.errors() == []


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
def test_paths_light_up_through_what_the_loss_does_itself(loss: str, page: Page) -> None:
    page.show(read_config(TABLE, f"train.loss={loss}"))
    page.moment("after backward")
    page.run("choose({ kind: 'weight', parameter: '3.bias', place: 1 })")
    held = "[...document.querySelectorAll('.edge.is-lit')].map((edge) => edge.dataset.edge ?? null)"
    lit = ["3.linear[2]→loss"] * (2 if loss == "cross_entropy" else 1)
    onward = [None] * len(lit)  # softmax hands each output to all
    assert page.run(f"return {held}") == lit + onward
    assert page.errors() == []


def test_the_total_loss_is_worked_out_beside_the_mean(page: Page) -> None:
    page.open("residual")
    page.moment("before backward")
    assert page.texts("#explanation td")[2:] == ["= 4.5 + 2", "= 6.5", "= (4.5 + 2) / 2", "= 3.25"]


def test_words_with_an_underscore_are_no_indices(page: Page) -> None:
    page.open("chain")
    script = "return htmlOf(arguments[0]).map((one) => one.outerHTML ?? one)"
    assert page.run(script, "3.leaky_relu") == ["3.leaky_relu"]
    assert page.run(script, "z_i") == ["z", "<sub>i</sub>", ""]


def test_signs_of_labels_read_well(page: Page) -> None:
    page.show(read_config(SIGNS))
    page.moment("after backward")
    assert page.text("#network .bias text.weight") == "− 2"
    assert "· (−0.5)" in page.texts("#network text.gradient")
    page.show(read_config(SIGNS.replace("-2", "2").replace("-0.5", "0.5")))
    page.moment("after backward")
    assert page.text("#network .bias text.weight") == "+ 2"
    assert "· 0.5" in page.texts("#network text.gradient")


def test_many_targets_are_counted(page: Page) -> None:
    rows = SIGNS.replace("targets = 1", f"targets = {' '.join(['1'] * 14)}")
    page.show(read_config(rows.replace("linear 1", "linear 14").replace("1.bias", ";")))
    listed = [one for one in page.texts("#network text.small") if one.startswith(("y", "…"))]
    assert listed[8:] == ["y₉ = 1", "y₁₀ = 1", "y₁₁ = 1", "y₁₂ = 1", "… 2 more"]


def test_nothing_is_shown_before_it_is_computed(page: Page) -> None:
    page.open("chain")
    seen = []
    for _ in range(int(str(page.find("#position").get_attribute("max"))) + 1):
        values = page.texts("#network text.value")
        gradients = page.texts("#network .node text.gradient")
        seen.append((len(values), len(gradients)))
        if page.find("#next").is_enabled():
            page.click("#next")
    # input, three outputs, loss; then the loss's gradient, two passed back, the bias, the input's
    assert seen[:5] == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]
    assert seen[5:9] == [(5, 1), (5, 2), (5, 3), (5, 5)]
    assert seen[9:] == [(5, 5), (5, 5)]


@pytest.mark.parametrize("name", sorted(example_paths()))
def test_the_highlighted_paths_of_every_weight_add_up(name: str, page: Page) -> None:
    (step,) = trace(load_config(name, ()), 1)
    assert step.paths is not None
    found = {element.element: element for elements in step.paths.values() for element in elements}
    first = step.samples[0]
    page.open(name)
    page.moment("after backward")
    for weight, (_, gradient) in page.weights().items():
        page.click(f'[data-key="row {weight}"]')
        paths = found[weight].paths or ()
        shown = [one.rpartition(" = ")[2] for one in page.texts("#chosen code")]
        assert shown == [number(path.product) for path in paths]
        if paths:
            assert page.text("#path-sum").endswith(f"= gradient {gradient}")
            assert number(sum(path.product for path in paths)) == gradient
        else:
            assert gradient == "0"
        assert_lit(page, weight, [path.through for path in paths if path.sample == first])
    assert page.errors() == []


def assert_lit(page: Page, weight: str, ways: list[tuple[str, ...]]) -> None:
    """Compare what is lit with the names on the ways from a weight, and with their steps."""
    lit = page.run(LIT)
    names = {name for through in ways for name in through}
    is_graph = page.run("return TRACE.drawing") == "neurons"
    on_edges = {weight} if is_graph and ".weight" in weight else set()
    off_drawing = on_edges if is_graph else {weight, "loss"}  # cells have neither edges nor a loss
    assert set(lit["names"]) == names - off_drawing
    if not is_graph:
        return
    steps = {step for through in ways for step in itertools.pairwise(through)}
    edges = {tuple(edge.split("→")) for _, edge in lit["edges"]}
    assert {edge for edge in edges if (weight, edge[1]) not in steps} == {
        step for step in steps if step[0] != weight
    }
    own = {edge.split("→")[1] for name, edge in lit["edges"] if name == weight}
    assert own == ({end for start, end in steps if start == weight} if on_edges else set())


def test_one_path_lights_up_alone(page: Page) -> None:
    page.open("two-paths")
    page.moment("after backward")
    page.click('[data-key="row 1.weight[1,1]"]')
    both = len(page.all("#network .is-lit"))
    page.click('[data-key="path 0"]')
    assert 0 < len(page.all("#network .is-lit")) < both
    page.click('[data-key="path 0"]')
    assert len(page.all("#network .is-lit")) == both


def test_weights_are_chosen_in_the_drawing(page: Page) -> None:
    page.open("chain")
    page.key("2.weight[1,1]").click()
    assert "known after the backward pass" in page.text("#chosen")
    page.find("#chosen button").click()
    assert page.text("#path-sum") == "Sum of the one path = −2640 = gradient −2640"
    page.key("1.bias[1]").click()
    assert page.text("#path-sum") == "Sum of the one path = −4800 = gradient −4800"
    page.key("1.bias[1]").click()
    assert page.text("#chosen") == ""


def test_paths_that_are_too_many_light_up_together(page: Page) -> None:
    layers = "linear 3, tanh, linear 5, tanh, linear 4, tanh, linear 1"
    page.open("keras", f"model.layers={layers}")
    page.moment("after backward")
    page.run("choose({ kind: 'weight', parameter: '1.weight', place: 2 })")
    assert "Not listed: the paths are too many" in page.text("#chosen")
    assert "Factored, δ" in page.text("#chosen")
    lit = page.run("return [...document.querySelectorAll('.node.is-lit')].length")
    assert lit == 1 + 1 + 5 + 5 + 4 + 4 + 1 + 1  # one neuron of both first layers, all others


def test_a_playing_window_slides_over_the_picture(page: Page) -> None:
    page.open("conv")
    page.click("#next")
    titles = []
    for _ in range(5):
        titles.append(page.text("#window h3"))
        page.run("playOn()")
    assert [title.rpartition("gives ")[2] for title in titles] == [
        *("row 1, column 1", "row 1, column 2", "row 2, column 1", "row 2, column 2"),
        "row 1, column 1",
    ]
    assert titles[-1].startswith("2.avgpool")


def test_a_neuron_says_what_it_receives_and_passes_on(page: Page) -> None:
    page.open("chain")
    page.moment("after backward")
    page.key("2.linear[1]").click()
    assert page.text("#chosen") == (
        "2.linear[1]2.linear neuron 1 receives 20 · 11 = 220 from 1.linear and passes it on to "
        "3.scale.On the way back it receives δ = −240 from 3.scale and passes 20 · δ = −4800 to "
        "1.linear. Its weights keep δ times what they met."
    )
    page.moment("before backward")
    assert "way back" not in page.text("#chosen")


def test_keys_are_enough(page: Page) -> None:
    page.open("chain")
    slider = page.find("#position")
    slider.send_keys(Keys.ARROW_RIGHT)
    assert slider.get_attribute("aria-valuetext") == "Forward: 1.linear"
    slider.send_keys(Keys.END)
    assert slider.get_attribute("aria-valuetext") == "The gradients are set to zero"
    weight = page.key("1.weight[1,1]")
    page.run("arguments[0].focus()", weight)
    ActionChains(page.driver).send_keys(Keys.ENTER).perform()
    assert "its paths to the loss" in page.text("#chosen")
    focused = page.run("return document.activeElement.getAttribute('data-key')")
    assert focused == "1.weight[1,1]"  # what was drawn anew keeps the focus
    names = [one.get_attribute("aria-label") for one in page.all('#network [role="button"]')]
    assert "1.linear[1], value 11, gradient −4800" in names
    stops = page.all('#network [role="button"][tabindex="0"]')
    assert [one.get_attribute("data-key") for one in stops] == ["1.weight[1,1]"]
    seen = []
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ARROW_LEFT):
        ActionChains(page.driver).send_keys(key).perform()
        seen.append(page.run("return document.activeElement.getAttribute('data-key')"))
    assert seen == ["1.linear[1]", "1.bias[1]", "1.linear[1]", "1.weight[1,1]"]


def test_a_picture_is_one_tab_stop(page: Page) -> None:
    page.open("conv")
    page.moment("after backward")
    for name in ("output of input", "output of 1.conv", "gradient of 1.conv"):
        group = page.find(f'[aria-label="{name}"]')
        buttons = group.find_elements(By.CSS_SELECTOR, '[role="button"]')
        assert len(buttons) > 1
        assert [one.get_attribute("tabindex") for one in buttons].count("0") == 1
    page.run("arguments[0].focus()", page.key("output of 1.conv 0"))
    ActionChains(page.driver).send_keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ENTER).perform()
    assert "1.conv[1,2,2]" in page.text("#chosen h2")


def test_one_region_is_read_aloud_and_is_quiet_while_playing(page: Page) -> None:
    page.open("chain")
    (region,) = page.all("[aria-live]")
    assert region.get_attribute("id") == "position-name"
    assert region.get_attribute("aria-live") == "polite"
    page.click("#play")
    assert region.get_attribute("aria-live") == "off"
    page.click("#play")
    assert region.get_attribute("aria-live") == "polite"


def test_playing_from_the_end_begins_at_the_first_step(page: Page) -> None:
    page.open("sigmoid", "train.batch_size=2", steps=2)
    page.find("#position").send_keys(Keys.END)
    assert page.all("#sample-choice")[0].is_displayed() is False  # the last batch is one sample
    page.run("change({ onlyPath: 0 })")
    page.click("#play")
    page.click("#play")
    assert page.text("#position-name").startswith("1 / ")
    assert len(Select(page.find("#sample")).options) == 2
    assert page.run("return state.onlyPath") is None


def test_a_filter_is_a_window_over_the_picture(page: Page) -> None:
    page.open("conv")
    page.click("#next")
    assert len(page.all("#network .frame")) == 1
    grids = [table.text.split() for table in page.all("#window .grid")]
    assert grids == [
        ["pixels", "1", "2", "4", "5"],
        ["filter", "2", "1", "−1", "1"],
        ["products", "2", "2", "−4", "5"],
    ]
    before = page.find("#network .frame").get_attribute("x")
    page.click('[data-key="window-after"]')
    assert page.find("#network .frame").get_attribute("x") != before
    assert page.all("#window .grid")[0].text.split() == ["pixels", "2", "3", "5", "6"]
    assert "Σ = 8 is the output here" in page.text("#window")
    page.click("#next")  # the mean over all
    page.run("choose(null)")
    assert "the mean is 11" in page.text("#window")


def test_samples_and_steps_can_be_chosen(page: Page) -> None:
    page.open("sigmoid", steps=2)
    samples = Select(page.find("#sample"))
    assert sorted(option.text for option in samples.options) == ["1", "2", "3"]
    page.moment("before backward")
    values = []
    for line in ("1", "2"):
        samples.select_by_visible_text(line)
        values.append(page.texts("#network text.value"))
        samples = Select(page.find("#sample"))
    assert values[0] != values[1]
    assert values[0][0] == "1"  # the first input of the table
    page.find("#position").send_keys(Keys.END)
    assert page.text("#position-name").endswith("Step 2. The gradients are set to zero")


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
