"""What the page of a step says of its numbers, in a browser."""

from tests.helpers.step_page import Page


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


def test_the_total_loss_is_worked_out_beside_the_mean(page: Page) -> None:
    page.open("residual")
    page.moment("before backward")
    assert page.texts("#explanation td")[2:] == ["= 4.5 + 2", "= 6.5", "= (4.5 + 2) / 2", "= 3.25"]


def test_words_with_an_underscore_are_no_indices(page: Page) -> None:
    page.open("chain")
    script = "return htmlOf(arguments[0]).map((one) => one.outerHTML ?? one)"
    assert page.run(script, "3.leaky_relu") == ["3.leaky_relu"]
    assert page.run(script, "z_i") == ["z", "<sub>i</sub>", ""]


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
