"""A network in the page answers what it answers in NumPy, whatever its layers are."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from selenium.webdriver import Chrome

from bpnet.data.synthetic import draw_digits
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import WEIGHTS
from bpnet.nn.registry import layer_types
from bpnet.nn.sequential import Workspace
from bpnet.report.canvas.draw_page import parts
from bpnet.report.canvas.page_network import obstacle, page_network, page_networks
from tests.helpers.random_model import NETS, random_model

FUNCTIONS = "".join(parts().scripts[:2])  # weights.js and network.js


def test_every_kind_of_layer_is_compared() -> None:
    words = {line.split()[0] for lines in NETS.values() for line in lines.split(" | ")}
    assert words == set(layer_types())


@pytest.mark.parametrize("name", NETS)
def test_outputs_are_those_of_numpy(browser: Chrome, name: str) -> None:
    loss = "mse" if name in ("softmax", "bent") else "cross_entropy"
    model = random_model(NETS[name], loss)
    picture = np.random.default_rng(5).integers(0, 256, (1, 9, 8), dtype=np.uint8)
    expected = model.outputs(picture, Workspace(model.network, 1, training=False))[:, 0]
    browser.get("about:blank")
    code = f"{FUNCTIONS}; return [...forward(unpacked(arguments[0]), arguments[1]).at(-1)]"
    found = browser.execute_script(
        code, page_network(model, name, [], 32), picture.ravel().tolist()
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("loss", "changes"),
    [
        ("cross_entropy", {}),
        ("cross_entropy", {"temperature": 1.7}),
        ("binary_cross_entropy", {}),
        ("mse", {}),
        ("mse", {"temperature": 0.3}),
    ],
)
def test_probabilities_are_those_of_numpy(
    browser: Chrome, loss: str, changes: dict[str, Any]
) -> None:
    model = random_model(NETS["channels"], loss, **changes)
    outputs = np.array([[0.3], [-0.4], [1.9]], dtype=np.float32)
    browser.get("about:blank")
    code = f"{FUNCTIONS}; return [...probabilities(arguments[0], Float32Array.from(arguments[1]))]"
    found = browser.execute_script(code, page_network(model, "", [], 32), outputs[:, 0].tolist())
    np.testing.assert_allclose(found, model.class_probabilities(outputs)[:, 0], atol=1e-6)


def test_large_networks_are_written_with_fewer_bits_or_left_out() -> None:
    wide = random_model("flatten | linear 6000 | linear 3")
    size = wide.network.parameters.flat.size
    names = list("abcde")
    for room, kept, bits in ((6, "a", 32), (6, "ab", 16), (6, "abc", 12), (5, "abc", 10)):
        given = len(kept) if bits > 10 else 5
        found = page_networks([wide] * given, names[:given], [[]] * given, room * size)["networks"]
        assert [network["name"] for network in found] == list(kept)
        assert {network["bits"] for network in found} == {bits}
        assert {one["layers"][1]["arrays"]["weight"]["bits"] for one in found} == {bits}
    assert page_networks([wide], ["a"], [[]], size)["networks"] == []


@pytest.mark.parametrize(("bits", "most"), [(32, 1e-6), (16, 2e-4), (12, 2e-3), (10, 5e-3)])
def test_rounded_weights_hardly_change_an_answer(browser: Chrome, bits: int, most: float) -> None:
    model = load_checkpoint(WEIGHTS, weights_only=True).model(fast=False)
    browser.get("about:blank")
    code = f"""{FUNCTIONS}; const network = unpacked(arguments[0]);
    const answer = (picture) => probabilities(network, forward(network, picture).at(-1));
    return arguments[1].map((picture) => [...answer(picture)]);
    """
    pictures = draw_digits(30, 9)[0]
    network = page_network(model, "", [], bits)
    found = browser.execute_script(code, network, pictures.reshape(30, -1).tolist())
    assert np.abs(np.array(found) - model.probabilities(pictures)).max() <= most


def test_weights_that_are_not_finite_have_no_canvas() -> None:
    model = random_model("flatten | linear 3")
    model.network.parameters.flat[5] = np.nan
    with_form = dataclasses.replace(
        model, preparation=load_checkpoint(WEIGHTS, weights_only=True).preparation()
    )
    assert obstacle(with_form) == "its weights are not finite"
