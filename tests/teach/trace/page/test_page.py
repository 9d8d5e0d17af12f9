"""The page of a trace as it is written: what it holds, how large it is, what it leaves out."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.config.loading import load_config
from bpnet.config.presets import example_paths, preset_paths
from bpnet.teach.trace.page.arrays import ArrayForms, strongest
from bpnet.teach.trace.page.page import MOST_BYTES, notes, trace_page
from bpnet.teach.trace.trace import MOST_ON_PAGE, trace
from tests.helpers.tiny import fail, read_config, succeed

LARGEST = 3_000_000  # bytes of a page
TINY = """
[data]
dataset = table
inputs = 1
targets = 1
[model]
layers = linear 1
[train]
loss = mse
"""


class Words(HTMLParser):
    """Collect what a page says without its scripts, and what it would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.loads: list[str] = []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.inside not in ("script", "style"):
            self.texts.append(data)


def page_of(source: str, *overrides: str, steps: int = 1) -> str:
    config = load_config(source, overrides)
    return trace_page(source, "", config, trace(config, steps))


def data_of(page: str) -> dict[str, Any]:
    """Return what the scripts read."""
    found = re.search(r'<script type="application/json" id="trace">(.*?)</script>', page, re.S)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_chain_stands_in_the_text_without_scripts() -> None:
    words = " ".join(" ".join(Words(page_of("chain")).texts).split())
    for row in (
        "1.weight 1×1 dW = δ aᵀ 10 −4800 34",
        "1.bias 1 db = δ 1 1 −4800 25",
        "2.weight 1×1 dW = δ aᵀ 20 −2640 33.2",
    ):
        assert row in words


def test_nothing_is_loaded() -> None:
    assert Words(page_of("chain")).loads == ["data:,"]


@pytest.mark.parametrize("name", sorted(example_paths()))
def test_the_paths_of_every_weight_add_up_to_its_gradient(name: str) -> None:
    data = data_of(page_of(name, steps=2))
    for step in data["steps"]:
        for parameter, arrays in step["parameters"].items():
            gradients = np.array(arrays["grad"]["values"]).reshape(arrays["grad"]["shape"])
            for index in np.ndindex(gradients.shape):
                place = ",".join(str(position + 1) for position in index)
                found = step["paths"][f"{parameter}[{place}]"]
                total = sum(path["product"] for path in found["paths"])
                assert total == pytest.approx(gradients[index], rel=1e-12, abs=1e-15)
                assert found["agrees"]


def test_products_are_those_of_the_rates_that_are_shown() -> None:
    data = data_of(page_of("two-paths"))
    for found in data["steps"][0]["paths"].values():
        for path in found["paths"]:
            rates = [
                float(rate.strip("()").replace("−", "-")) for rate in path["numbers"].split(" · ")
            ]
            assert np.prod(rates) == pytest.approx(path["product"])
            assert len(path["through"]) == len(rates) + 1


@pytest.mark.parametrize("name", sorted(example_paths()))
def test_examples_hold_every_number(name: str) -> None:
    config = load_config(name, ())
    steps = trace(config, 1)
    (step,) = data_of(trace_page(name, "", config, steps))["steps"]
    for layer, output, gradient in zip(
        steps[0].layers, step["outputs"], step["grad_outputs"], strict=True
    ):
        assert np.array_equal(np.reshape(output["values"], output["shape"]), layer.output)
        assert np.array_equal(np.reshape(gradient["values"], gradient["shape"]), layer.grad_output)


def test_a_network_of_pictures_has_a_box_for_each_layer() -> None:
    assert data_of(page_of("chain"))["drawing"] == "neurons"
    found = data_of(page_of("conv"))
    assert found["drawing"] == "boxes"
    windows = found["layers"][0]["windows"]
    assert (windows["kernel"], windows["stride"], windows["padding"]) == (2, 1, 0)


def test_too_many_steps_are_left_out_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpnet.teach.trace.page.page.MOST_BYTES", 60_000)
    page = page_of("sigmoid", steps=9)
    shown = len(data_of(page)["steps"])
    assert 1 <= shown < 9
    assert f"holds the first {shown} of 9 steps" in page


def test_many_steps_stay_below_the_limit() -> None:
    page = page_of("sigmoid", steps=120)
    assert MOST_BYTES / 2 < len(page.encode()) < LARGEST


def test_large_arrays_are_pictures_alone() -> None:
    rng = np.random.default_rng(0)
    small, large = rng.normal(size=(4, 5)), rng.normal(size=(1, 300, 400))
    large[0, 0, 0] = 0.0
    forms = ArrayForms([small, large])
    assert forms.as_json(small)["shape"] == (4, 5)
    assert np.allclose(forms.as_json(small)["values"], small.reshape(-1), rtol=1e-5)
    found = forms.as_json(large, exact=[7])
    assert set(found) == {"shape", "least", "most", "run", "bytes", "exact"}
    assert found["exact"] == {"7": pytest.approx(large[0, 0, 7], rel=1e-5)}
    shades = list(base64.b64decode(found["bytes"]))
    assert (shades.count(0), min(shades[1:]), max(shades)) == (1, 1, 255)
    assert forms.has_numbers(small)
    assert not forms.has_numbers(large)


def test_that_numbers_are_shortened_is_said_beside_what_is_too_large() -> None:
    rng = np.random.default_rng(0)
    steps = trace(load_config("chain", ()), 1)
    few = ArrayForms([rng.normal(size=9)])
    many = ArrayForms([rng.normal(size=30_000)])
    too_many = ArrayForms([rng.normal(size=30_000), rng.normal(size=70_000)])
    too_many.shades_from = 1
    assert notes(steps, 1, few) == []
    assert [note[:12] for note in notes(steps, 1, many)] == ["Numbers have"]
    assert [note[:12] for note in notes(steps, 1, too_many)] == ["Too large fo", "Numbers have"]


def test_arrays_of_one_size_are_treated_alike() -> None:
    forms = ArrayForms([np.zeros(40_000), np.zeros(40_000), np.zeros(2)])
    assert not forms.has_numbers(np.zeros(40_000))
    assert forms.has_numbers(np.zeros(2))


def test_what_is_not_finite_leaves_the_data_readable() -> None:
    page = page_of("neuron-cross-entropy", "weights.1.weight=800")
    without_scripts = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search("Infinity|NaN", without_scripts)
    held = data_of(page)["steps"][0]["loss_activation"]
    assert held["grad_output"]["values"] == [None]


def test_names_are_escaped() -> None:
    config = read_config(TINY)
    page = trace_page("</script><b>\udcff", "<i>", config, trace(config, 1))
    assert "<b>" not in page
    assert "<i>" not in page
    page.encode()


def test_layers_without_weights_make_a_page() -> None:
    text = TINY.replace("linear 1", "tanh")
    page = trace_page("a", "", read_config(text), trace(read_config(text), 1))
    assert data_of(page)["steps"][0]["parameters"] == {}


SYNTHETIC = (
    *("data.dataset=synthetic", "data.synthetic_train=2100", "data.validation=0"),
    *("data.drawn=0", "data.non_digits=0", "train.batch_size=1"),
)


@pytest.mark.parametrize("preset", sorted(preset_paths()))
def test_pages_of_presets_are_small(preset: str) -> None:
    text = preset_paths()[preset].read_text(encoding="utf-8")
    config = read_config(text.replace("linear 11", "linear 10"), *SYNTHETIC)  # no class "no digit"
    page = trace_page(preset, "", config, trace(config, 1, most=MOST_ON_PAGE))
    assert len(page.encode()) < LARGEST
    assert "shown as pictures alone" in page


def test_the_command_takes_more_numbers_for_a_page_alone(tmp_path: Path) -> None:
    settings = [word for one in SYNTHETIC for word in ("--set", one)]
    page = tmp_path / "page.html"
    assert "page.html" in succeed("trace", "mlp800", *settings, "--html", page).err
    assert "neighbours share the colour" in page.read_text(encoding="utf-8")
    message = fail(2, "trace", "mlp800", *settings)
    assert "another preset such as tiny" in message
    assert "bpnet report" in message


def test_neighbours_share_the_shade_of_the_strongest() -> None:
    assert strongest(np.array([1.0, -3, 2, 0, 0, 0, -1]), 3).tolist() == [-3, 0, -1]
    large = np.random.default_rng(0).normal(size=2_000_000)
    forms = ArrayForms([large, np.zeros(70_000)])
    assert forms.run == 3
    assert len(base64.b64decode(forms.as_json(large)["bytes"])) == 666_667
    assert ArrayForms([np.zeros(70_000)]).as_json(np.zeros(70_000))["run"] == 1
