"""The paths of a weight, as the drawing lights them up in a browser."""

import itertools

import pytest

from bpnet.config.loading import load_config
from bpnet.config.presets import example_paths
from bpnet.nn.facts import number
from bpnet.teach.trace.trace import trace
from tests.helpers.step_page import Page
from tests.helpers.tiny import read_config
from tests.teach.trace.test_trace import TABLE

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
