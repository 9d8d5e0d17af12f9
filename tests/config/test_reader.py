"""Config files: defaults, strictness, and all errors at once."""

import dataclasses
from pathlib import Path

import pytest

from bpnet.config.ini import read_ini
from bpnet.config.loading import load_config
from bpnet.config.settings import SECTIONS, Config
from bpnet.config.writer import format_config
from tests.helpers.config_texts import DOCUMENTED, file_error, only_problem, problems
from tests.helpers.places import PROJECT
from tests.helpers.tiny import read_config

# Defaults


def test_the_documented_defaults_are_the_defaults() -> None:
    assert read_config(DOCUMENTED) == Config()


def test_a_changed_default_would_be_noticed() -> None:
    assert read_config(DOCUMENTED.replace("epochs = 10", "epochs = 11")) != Config()
    assert read_config(DOCUMENTED.replace("linear 256", "linear 255")) != Config()


def described() -> list[str]:
    """Return all defaults, each with its meaning behind it."""
    lines = format_config(Config()).strip().splitlines()
    section = ""
    for number, line in enumerate(lines):
        section = line.strip("[]") if line.startswith("[") else section
        for field in dataclasses.fields(SECTIONS[section]):
            if line.startswith(f"{field.name} ="):
                lines[number] = f"{line:<31}; {field.metadata['meaning']}"
    return lines


def test_the_configs_page_lists_every_default_with_its_meaning() -> None:
    page = (PROJECT / "configs" / "README.md").read_text(encoding="utf-8")
    listing = page.partition("These are the defaults:\n\n```ini\n")[2].partition("```")[0]
    assert listing.strip().splitlines() == described(), "\n".join(described())


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_has_a_meaning_and_reads_its_own_default(section: str) -> None:
    for field in dataclasses.fields(SECTIONS[section]):
        assert field.metadata["meaning"]
        if field.name != "layers":
            text = format_config(Config()).partition(f"[{section}]")[2]
            line = next(line for line in text.splitlines() if line.startswith(f"{field.name} ="))
            assert field.metadata["read"](line.partition("=")[2].strip()) == field.default


# INI


def test_comments_begin_at_a_line_or_after_a_blank() -> None:
    ini = read_ini("# a\n[s] ; b\n; c\nkey = a;b#c # d\n  \nother = 1\t;2\n")
    assert {key: entry.text for key, entry in ini.sections["s"].items()} == {
        "key": "a;b#c",
        "other": "1",
    }
    assert not ini.problems


def test_continuation_lines_keep_their_line_numbers() -> None:
    entry = read_ini("[s]\nkey =\n    one\n\n    ; none\n\ttwo ; 2\n").sections["s"]["key"]
    assert (entry.text, entry.line, entry.lines) == ("one\ntwo", 2, [3, 6])


def test_an_indented_file_is_read_like_any_other() -> None:
    ini = read_ini("  [s]\n  a = 1\n  b =\n    2\n    3\n  [t]\n  c = 4\n")
    assert not ini.problems
    assert ini.sections["s"]["b"].text == "2\n3"
    assert ini.sections["t"]["c"].text == "4"


def test_percent_signs_and_the_name_default_mean_nothing_special() -> None:
    assert read_config("[data]\npath = 100%(x)s%%\n").data.path.endswith("100%(x)s%%")
    assert "[DEFAULT] is unknown" in only_problem("[DEFAULT]\nepochs = 3\n")


def test_keys_keep_their_case() -> None:
    assert only_problem("[train]\nEpochs = 3\n").endswith("did you mean [train] epochs?")


def test_duplicate_keys_and_sections_are_errors() -> None:
    text = "[train]\nepochs = 3\nepochs = 4\n[train]\nseed = 1\n"
    assert problems(text) == [
        'a.ini:3: "epochs" appears twice, first in line 2',
        "a.ini:4: [train] appears twice, first in line 1",
    ]


def test_lines_that_are_nothing_are_errors() -> None:
    assert problems("epochs = 1\n[train]\nepochs 3\n") == [
        'a.ini:1: "epochs" appears before the first [section]; it belongs to [train]',
        'a.ini:3: expected "[section]" or "key = value", found "epochs 3"',
    ]


def test_a_mark_before_the_text_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ini"
    path.write_text("[train]\nepochs = 3\n", encoding="utf-8-sig")
    assert load_config(str(path)).train.epochs == 3


# Unknown names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trian]\nepochs = 3", "a.ini:1: [trian] is unknown; did you mean [train]?"),
        ("[zzz]\n", "a.ini:1: [zzz] is unknown; known are data, model, train"),
        ("[train]\nepoch = 3", "a.ini:2: [train] epoch is unknown; did you mean [train] epochs?"),
        (
            "[train]\nmomentum = 0",
            "a.ini:2: [train] momentum is unknown; it belongs to [optimizer]",
        ),
        ("[train]\nzzz = 3", "a.ini:2: [train] zzz is unknown; no key has a similar name"),
    ],
)
def test_an_unknown_name_gets_its_line_and_the_nearest_one(text: str, message: str) -> None:
    assert only_problem(text).startswith(message)


# Wrong values


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("train.epochs", "three", "a whole number of at least 1"),
        ("train.epochs", "0", "a whole number of at least 1"),
        ("train.epochs", "1.5", "a whole number of at least 1"),
        ("train.batch_size", "-64", "a whole number of at least 1"),
        ("train.shards", "0", "a whole number of at least 1"),
        ("train.label_smoothing", "1", "a number at least 0 and at most 0.999"),
        ("train.ema", "-0.1", "a number at least 0"),
        ("train.grad_clip", "nan", "a number at least 0"),
        ("data.validation", "-1", "a whole number of at least 0"),
        ("data.dataset", "my digits", "or the name of an imported data set"),
        ("data.class_names", "one, two, one", "different names"),
        ("data.class_names", "one,, two", "names of 1 to 100 characters"),
        ("optimizer.learning_rate", "0", "a number above 0"),
        ("optimizer.learning_rate", "inf", "a number above 0"),
        ("optimizer.learning_rate", "fast", "a number above 0"),
        ("optimizer.nesterov", "maybe", "yes or no"),
        ("optimizer.name", "adadelta", "one of sgd, adam, adamw, rmsprop, adagrad, lars, lamb"),
        ("schedule.name", "cosinus", 'did you mean "cosine"?'),
        ("schedule.rise", "1.5", "a number at least 0 and at most 1"),
        ("augment.rotate", "181", "a number at least 0 and at most 180"),
        ("augment.flip", "half", "yes or no"),
        ("checkpoint.every", "", "a whole number of at least 1"),
        ("model.dtype", "float16", "one of float32, float64"),
        ("weights.1.weight", "nan", "a finite number"),
        ("weights.1.weight", "one", "a finite number"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(key: str, value: str, expected: str) -> None:
    section, _, name = key.partition(".")
    for problem in (
        only_problem(f"[{section}]\n{name} = {value}\n"),
        only_problem("", f"{key}={value}"),
    ):
        assert f"[{section}] {name} expects " in problem
        assert expected in problem
        assert value in problem
    assert problem.startswith("--set: ")


@pytest.mark.parametrize("word", ["yes", "No", "true", "FALSE", "on", "off", "1", "0"])
def test_yes_and_no_may_be_written_in_many_ways(word: str) -> None:
    is_yes = word.lower() in ("yes", "true", "on", "1")
    assert read_config(f"[optimizer]\nnesterov = {word}\n").optimizer.nesterov is is_yes


def test_all_errors_come_at_once_with_their_lines(tmp_path: Path) -> None:
    text = (
        "[data]\nvalidation = few\n"
        "[model]\nlayers =\n    flaten\n    conv 3\n    linear 10 bias=perhaps\n"
        "[trian]\nx = 1\n[train]\nepochs = -1\nmomentum = 1\nepochs = 2\nnonsense\n"
    )
    message = file_error(tmp_path, text, "train.seed=x")
    for part in (
        "a.ini:2: [data] validation expects",
        'a.ini:5: [model] layers: "flaten" is not a layer; did you mean "flatten"?',
        'a.ini:6: [model] layers: "conv 3" lacks a value; write `conv OUT kernel=…',
        'a.ini:7: [model] layers: linear: "bias" expects yes or no, found "perhaps"',
        "a.ini:8: [trian] is unknown",
        "a.ini:11: [train] epochs expects",
        "a.ini:12: [train] momentum is unknown",
        'a.ini:13: "epochs" appears twice',
        "a.ini:14: expected",
    ):
        assert part in message
    assert "--set: [train] seed expects" in message
    assert message.startswith("10 errors in the configuration a.ini\n")
    assert len(message.splitlines()) == 11
