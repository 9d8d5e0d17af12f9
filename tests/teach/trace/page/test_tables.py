"""The tables of a page hold what the text output holds, and name it."""

import dataclasses
import re

import pytest

from bpnet.config.loading import load_config
from bpnet.config.network import build_layers
from bpnet.config.presets import example_paths
from bpnet.config.settings import Config
from bpnet.teach.trace.page.tables import PageTable, step_tables
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.trace import trace
from bpnet.teach.trace.trace_text import trace_lines
from tests.helpers.tiny import read_config
from tests.teach.trace.test_trace import TABLE
from tests.teach.trace.worked.test_worked import vectors

NUMBER = re.compile(r"(?<![\w.])−?\d+(?:\.\d+)?(?:e[+−]\d+)?(?![\w.]*[A-Za-z])")
DEEP = "model.layers=linear 3, {0}, linear 5, {0}, linear 4, {0}, linear 2"
OWN = {
    "vectors": vectors(),
    "clipped": read_config(TABLE, "train.grad_clip=0.1"),
    "adam": read_config(TABLE, "optimizer.name=adam"),
    "softmax": read_config(TABLE, "train.loss=cross_entropy"),
    "many paths": read_config(TABLE, DEEP.format("tanh")),
    "some paths": read_config(TABLE, DEEP.format("relu")),
    "dead": read_config(TABLE, "model.layers=linear 5, relu, linear 2", "train.batch_size=1"),
}


def config_of(name: str) -> Config:
    return OWN[name] if name in OWN else load_config(name, ())


def tables_of(config: Config, step: StepTrace) -> list[PageTable]:
    return step_tables(step, build_layers(config, step.inputs.shape[1:], None, []))


def words_of(tables: list[PageTable]) -> str:
    """Return all that tables say."""
    texts = [
        text
        for table in tables
        for text in (
            *(table.caption, table.note, *table.headings),
            *(field.text for row in table.rows for field in row),
        )
    ]
    return "\n".join(texts)


def only_in_one(text: str, page: str) -> set[str]:
    """Return numbers that stand in one of two texts alone."""
    return set(NUMBER.findall(text)) ^ set(NUMBER.findall(page))


@pytest.mark.parametrize("name", [*sorted(example_paths()), *OWN])
def test_text_and_page_hold_the_same_numbers(name: str) -> None:
    config = config_of(name)
    for step in trace(config, 2):
        _heading, *lines = trace_lines([step], width=100_000)
        assert only_in_one("\n".join(lines), words_of(tables_of(config, step))) == set()


def test_a_number_in_one_alone_is_found() -> None:
    assert only_in_one("a 1 −2.5e−07", "1") == {"−2.5e−07"}
    assert only_in_one("1.linear 2", "2 3.tanh") == set()


def test_what_a_loss_does_itself_stands_in_the_tables() -> None:
    config = load_config("neuron-cross-entropy", ())
    (step,) = trace(config, 1)
    forward, backward, *_ = tables_of(config, step)
    assert [row[0].text for row in forward.rows][2:] == ["(sigmoid)", "target y", "loss"]
    numbers = {row[0].text: [field.text for field in row[2:]] for row in backward.rows}
    assert numbers["loss"] == ["55.5982", "1", "55.5982"]
    assert numbers["(sigmoid)"] == ["0.0176627", "55.5982", "0.982014"]
    assert backward.note.startswith("Loss and sigmoid cancel: ")


def test_the_total_loss_stands_beside_the_mean() -> None:
    config = load_config("residual", ())
    (step,) = trace(config, 1)
    found = {row[0].text: row[3].text for row in tables_of(config, step)[0].rows}
    assert (found["total loss"], found["mean"]) == ("6.5", "3.25")


def test_clipping_memories_and_running_statistics_are_told_of() -> None:
    config = read_config(TABLE, "train.grad_clip=0.1")
    (step,) = trace(config, 1)
    assert "so g is multiplied by" in words_of(tables_of(config, step))
    (step,) = trace(OWN["adam"], 1)
    assert {"mean m", "square s"} <= set(tables_of(OWN["adam"], step)[2].headings)
    (step,) = trace(OWN["vectors"], 1)
    assert "Running statistics" in [one.caption for one in tables_of(OWN["vectors"], step)]


def test_weights_without_a_path_and_with_too_many_are_told_of() -> None:
    (step,) = trace(OWN["many paths"], 1)
    assert re.search(
        r"\d+ paths for each of \d+ numbers", words_of(tables_of(OWN["many paths"], step))
    )
    (step,) = trace(OWN["dead"], 1)
    assert "no path without a rate of 0, gradient 0" in words_of(tables_of(OWN["dead"], step))


def test_a_sum_that_differs_is_told_apart_from_its_gradient() -> None:
    config = config_of("chain")
    (step,) = trace(config, 1)
    assert step.paths is not None
    (element,) = step.paths["1.weight"]
    wrong = dataclasses.replace(element, gradient=-4800.0001)
    changed = dataclasses.replace(step, paths={"1.weight": (wrong,)})
    *_, path, total = tables_of(config, changed)[-1].rows
    assert path[-1].text == "−4800"
    assert [field.text for field in total[1:]] == ["sum ≠ gradient −4800.0001", "", "−4800"]
