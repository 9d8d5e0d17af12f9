"""Walking through a step in a browser: slider, keys, playing, samples."""

from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.helpers.step_page import Page


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
