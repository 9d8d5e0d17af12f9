"""Names that other tools use: in files and after `--set`."""

import re
from pathlib import Path

import pytest

from bpnet.config import other_names
from bpnet.config.other_names import KEYS, VALUES, meant_by, plain, setting_readers
from bpnet.config.reader import ConfigReader
from bpnet.config.settings import SECTIONS
from bpnet.nn.registry import layer_types
from tests.helpers.config_texts import only_problem

ASKED = [  # names that must be known
    *("lr", "learning-rate", "epochs", "epoch", "batch", "bs", "batch-size", "wd", "dropout"),
    *("momentum", "gpu", "device", "loss", "optimizer", "adam", "num_workers", "n_epochs"),
    *("augment", "activation"),
]


def test_every_name_leads_to_a_setting_that_exists() -> None:
    readers = setting_readers()
    assert set(KEYS) <= set(readers)
    for text in VALUES.values():
        key, _, value = text.partition("=")
        assert value in readers[key].choices
    assert set(other_names.SECTION_NAMES.values()) <= set(SECTIONS)


def test_no_name_means_two_things() -> None:
    names = [plain(name) for names in KEYS.values() for name in names.split()]
    names += [plain(name) for name in (*VALUES, *other_names.ADVICE)]
    assert sorted(set(names)) == sorted(names)


def test_layers_that_advice_shows_are_layers() -> None:
    text = " ".join(other_names.ADVICE.values())
    shown = {line.split()[0] for line in re.findall(r"`([a-z]+[^`]*)`", text)}
    assert shown
    assert shown <= set(layer_types())


@pytest.mark.parametrize("name", ASKED)
def test_the_usual_names_are_known(name: str) -> None:
    assert meant_by(name) is not None


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("epochs=2", "did you mean --set train.epochs=2?"),
        ("lr=0.1", "did you mean --set optimizer.learning_rate=0.1?"),
        ("LR=0.1", "did you mean --set optimizer.learning_rate=0.1?"),
        ("lr", "did you mean --set optimizer.learning_rate=0.05?"),
        ("train.lr=3", "did you mean --set optimizer.learning_rate=3?"),
        ("opt.learning-rate=3", "did you mean --set optimizer.learning_rate=3?"),
        ("train.batch=32", "did you mean --set train.batch_size=32?"),
        ("optimizer=Adam", "did you mean --set optimizer.name=adam?"),
        ("adam=yes", "did you mean --set optimizer.name=adam?"),
        ("name=adam", "did you mean --set optimizer.name=adam or --set schedule.name=adam?"),
        ("train.epoks=3", "did you mean --set train.epochs=3?"),
        ("num_workers=2 threads", "did you mean --set 'train.workers=2 threads'?"),
        ("gpu=yes", "bpnet computes on the processor"),
        ("dropout=0.5", "dropout is a layer, such as `dropout 0.5`"),
        ("zork=1", "no key has a similar name; `bpnet config --explain` lists all"),
        ("zork.zork=1", "no key has a similar name"),
    ],
)
def test_a_setting_under_another_name(override: str, hint: str) -> None:
    assert hint in only_problem("", override)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[train]\nlr = 1", "a.ini:2: [train] lr is unknown; did you mean [optimizer] learning"),
        ("[optimizer]\nlr = 0.1", "did you mean [optimizer] learning_rate?"),
        ("[optimizer]\nepochs = 3", "it belongs to [train]"),
        ("[train]\nname = adam", "it belongs to [optimizer] or [schedule]"),
        ("[train]\nn_epochs = 3", "did you mean [train] epochs?"),
        ("[train]\nadam = yes", "write `name = adam` in [optimizer]"),
        ("[model]\nactivation = relu", "an activation is a layer, such as `relu`"),
        ("[network]\n", "did you mean [model]?"),
        ("lr = 0.1\n", '"lr" appears before the first [section]; did you mean [optimizer]'),
    ],
)  # fmt: skip
def test_a_key_under_another_name(text: str, hint: str) -> None:
    assert hint in only_problem(text)


def test_a_suggested_setting_is_accepted() -> None:
    for name in ASKED:
        meant = meant_by(name)
        assert meant is not None
        if meant.key:
            override = meant.to_set().removeprefix("--set ")
            reader = ConfigReader("a.ini", Path())
            reader.read("", (override,))
            assert reader.problems == []
