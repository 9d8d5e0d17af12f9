"""Templates: every key explained, and the same config when they are read."""

from pathlib import Path

import pytest

from bpnet.config.explanation import all_settings
from bpnet.config.loading import load_config
from bpnet.config.presets import example_paths, opening_comment, preset_paths
from bpnet.config.reader import ConfigReader
from bpnet.config.settings import Config
from bpnet.config.template import format_template
from tests.helpers.tiny import NET, TABLE, TRAIN, read_config

CONFIGS = preset_paths() | example_paths()


def read(text: str) -> Config:
    reader = ConfigReader("my.ini", Path())
    config = reader.read(text)
    assert not reader.problems, reader.problems
    return config


@pytest.mark.parametrize("name", CONFIGS)
def test_a_template_reads_back_to_the_same_config(name: str) -> None:
    config = load_config(name)
    again = read(format_template(config, ["above"]))
    assert again == config
    assert set(again.given) == set(config.given)


def test_a_changed_value_would_be_noticed() -> None:
    text = format_template(load_config("mlp"), [])
    assert "\nepochs = 10\n" in text
    assert read(text.replace("\nepochs = 10\n", "\nepochs = 11\n")) != load_config("mlp")


@pytest.mark.parametrize(
    "text",
    [
        NET + TRAIN,
        TABLE + "[weights]\n1.bias = 1 2 3 0.1\n",
        "[data]\nclass_names =\n    a, b\n    c\n    ä\n",
        "[model]\nlayers =\n    flatten\n    linear 9\n    residual\n        relu\n"
        "        linear 9\n    end\n    linear 10\n",
        "[train]\nworkers = 2 threads\nema = 0.999\n[optimizer]\nnesterov = no\nepsilon = 1e-9\n",
    ],
)
def test_any_config_reads_back(text: str) -> None:
    config = read_config(text)
    assert read(format_template(config, [])) == config


def test_without_a_config_all_defaults_are_comments() -> None:
    text = format_template(Config(), ["the defaults"])
    assert read(text) == Config()
    assert read(text).given == {}
    assert text.startswith("; the defaults\n")


def test_an_uncommented_default_changes_nothing() -> None:
    lines = format_template(Config(), []).splitlines()
    kept = [line[1:] if line.startswith(";") and line[1:2] != " " else line for line in lines]
    text = "\n".join(line for line in kept if not line.endswith(" ="))
    for name in ("path", "class_names", "inputs", "targets", "input_shape"):
        assert f";{name} =" in lines
    assert set(read(text).given) >= {"train.epochs", "data.synthetic_seed", "augment.flip"}


def test_a_key_that_follows_another_still_does() -> None:
    reader = ConfigReader("my.ini", Path())
    text = format_template(load_config("quickstart"), [])
    assert reader.read(text, ("train.seed=7",)).data.synthetic_seed == 7


def test_every_setting_stands_with_meaning_bounds_and_default() -> None:
    text = format_template(Config(), [])
    comments = " ".join(text.replace("\n; ", " ").split())
    for facts in all_settings():
        assert f"\n;{facts.name.partition('.')[2]} =" in text
        assert facts.meaning in comments
        assert facts.bounds in comments
    assert "; conv OUT kernel=…" in text


def test_the_comment_of_a_preset_keeps_its_lines() -> None:
    assert opening_comment("; a\n;   b = c\n;\n# d\n[data]\n; e\n") == ["a", "  b = c", "", "d"]
