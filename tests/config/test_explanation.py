"""What is told of settings and layers follows from their declarations."""

import dataclasses

import pytest

from bpnet.config.explanation import all_layers, all_settings, explain
from bpnet.config.layer_lines import usage
from bpnet.config.other_names import setting_readers
from bpnet.config.setting import ValueReader
from bpnet.config.settings import SECTIONS
from bpnet.config.values import one_of, real, whole
from bpnet.errors import ConfigError
from bpnet.nn.registry import layer_types

CONDITIONS = [
    (f"{section}.{field.name}", condition)
    for section, owner in SECTIONS.items()
    for field in dataclasses.fields(owner)
    for condition in field.metadata["goes_with"]
]


def refused(read: ValueReader[object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("name", setting_readers())
def test_the_bounds_that_are_told_are_those_that_hold(name: str) -> None:
    read = setting_readers()[name]
    for bound, outside in ((read.least, -1), (read.most, 1), (read.above, 0), (read.below, 0)):
        if bound is not None:
            assert refused(read, repr(bound + outside if bound < 1e50 else bound * 2))
    for bound in (read.least, read.most):
        assert bound is None or not refused(read, repr(bound))
    for choice in read.choices:
        assert not refused(read, choice)
    if read.choices and not read.is_open:
        assert refused(read, "none of these")


def test_readers_describe_themselves() -> None:
    assert whole(1, 5000).takes == "a whole number, at least 1 and at most 5,000"
    assert real(above=0, most=0.9999999).takes == "a number, above 0 and at most 0.9999999"
    assert one_of("a", "b").takes == "one of a, b"
    assert real().takes == "a number"
    with pytest.raises(ValueError, match="a number above 0 and at most 1, found"):
        real(above=0, most=1)("0")


@pytest.mark.parametrize(("name", "condition"), CONDITIONS)
def test_what_a_setting_goes_with_exists(name: str, condition: str) -> None:
    other, _, values = condition.partition(" = ")
    read = setting_readers()[other]
    assert other != name
    for value in filter(None, values.split(" | ")):
        assert value in read.choices


def test_every_setting_and_layer_is_told() -> None:
    assert [facts.name for facts in all_settings()] == list(setting_readers())
    assert {layer.kind: layer.usage for layer in all_layers()} == {
        kind: usage(layer) for kind, layer in layer_types().items()
    }
    assert all(layer.meaning for layer in all_layers())


def test_one_setting() -> None:
    (facts,) = explain("optimizer.name").settings
    assert facts.default == "sgd"
    assert facts.choices == ("sgd", "adam", "adamw", "rmsprop", "adagrad", "lars", "lamb")
    assert "optimizer.beta1 (optimizer.name = adam | adamw | lamb)" in facts.used_by


def test_sections_keys_and_layers() -> None:
    assert {one.name for one in explain("checkpoint").settings} == {"checkpoint.every"}
    assert {one.name for one in explain("[schedule]").settings} >= {"schedule.rise"}
    assert {one.name for one in explain("name").settings} == {"optimizer.name", "schedule.name"}
    (layer,) = explain("conv").layers
    assert [(one.name, one.default) for one in layer.options] == [
        *(("out", "required"), ("kernel", "required"), ("stride", "1")),
        *(("padding", "0"), ("bias", "yes")),
    ]


def test_names_of_other_tools_are_told_what_they_are_here() -> None:
    found = explain("lr")
    assert [one.name for one in found.settings] == ["optimizer.learning_rate"]
    assert found.note == "lr is optimizer.learning_rate here"
    assert explain("Adam").note == "Adam is optimizer.name=adam here"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("train.epoks", "did you mean train.epochs"), ("gpu", "the processor"), ("zzz", "listed by")],
)
def test_unknown_names_get_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        explain(name)
    assert hint in str(caught.value)
