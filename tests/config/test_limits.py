"""Configs that say too much: refused quickly, in a short message, before anything is made of it."""

import os
import sys
from pathlib import Path

import pytest

from bpnet.config.loading import MOST_BYTES, load_config
from bpnet.config.reader import MOST_LAYERS
from bpnet.config.writer import format_config
from bpnet.errors import ConfigError
from tests.helpers.config_texts import file_error, only_problem, problems
from tests.helpers.tiny import read_config

LONG = "e" * 1_000_000
HUGE = "9" * 5_000  # more digits than `int` reads


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    message = file_error(tmp_path, "[model]\nlayers =\n" + "    relu\n" * 2_000_000)
    assert "at most 4 MB" in message


def test_too_many_layers_are_counted_but_not_read(tmp_path: Path) -> None:
    message = file_error(tmp_path, "[model]\nlayers =\n" + "    foo\n" * 150_000)
    assert message.splitlines()[1:] == ["  a.ini:2: [model] layers: at most 1,000, found 150,000"]


def test_as_many_layers_as_allowed_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ini"
    path.write_text("[model]\nlayers =\n    flatten\n" + "    relu\n" * 998 + "    linear 10\n")
    assert len(load_config(str(path)).model.layers) == MOST_LAYERS


@pytest.mark.parametrize(
    ("text", "line"),
    [("\n" * 200_001, 200_001), ("[train]\n" + "epochs = 1\n" * 6_000, 5_002)],
    ids=["lines", "keys"],
)
def test_what_lies_beyond_the_most_lines_and_keys_is_not_read(text: str, line: int) -> None:
    assert f"a.ini:{line}: a config has at most 200,000 lines and 5,000 keys" in "".join(
        problem for problem in problems(text) if "at most" in problem
    )


def test_a_long_list_of_errors_is_cut_and_counted(tmp_path: Path) -> None:
    message = file_error(tmp_path, "[train]\n" + "junk\n" * 1_500)
    lines = message.splitlines()
    assert lines[0].startswith("1,500 errors")
    assert lines[-1] == "  and 1,480 more"
    assert len(lines) == 22


@pytest.mark.parametrize(
    "text",
    [
        f"[train]\n{LONG} = 1\n",
        f"[{LONG}]\n",
        f"[train]\nloss = {LONG}\n",
        f"[train]\nepochs = {HUGE}\n",
        f"[train]\nworkers = {HUGE}\n",
        f"[data]\npath = {LONG}\n",
        f"[model]\nlayers =\n    {LONG}\n",
        f"[model]\nlayers =\n    scale 0.{HUGE}\n",
        f"[weights]\n{LONG} = x\n",
        f"[data]\ninput_shape = {'2 ' * 100_000}\n",
        LONG,
    ],
    ids=lambda text: text[:24].strip(),
)
def test_a_long_word_is_shown_short(text: str) -> None:
    assert len(only_problem(text)) < 400


def test_ten_thousand_lengths_of_rows_are_listed_short() -> None:
    rows = "".join("  " + "1 " * length + "\n" for length in range(1, 440))
    found = problems(f"[data]\ndataset = table\ninputs =\n{rows}targets = 1\n")
    assert "differ in length: [1, 2, 3" in "".join(found)
    assert max(map(len, found)) < 300


def test_a_table_has_no_more_numbers_than_a_config_may_hold() -> None:
    text = "[data]\ndataset = table\ninputs = {}\ntargets = 1\n[train]\nloss = mse\n"
    assert "at most 100,000 numbers, found 100,001" in only_problem(text.format("1 " * 100_000))
    config = read_config(text.format("-0.12345678901234567e-123 " * 99_999))
    written = format_config(config)
    assert len(written) < MOST_BYTES
    assert read_config(written) == config


@pytest.mark.parametrize(
    ("key", "value", "bound"),
    [
        ("train.epochs", "100001", "at most 100,000"),
        ("train.epochs", HUGE, "at most 100,000"),
        ("train.batch_size", "1000000000000", "at most 1,000,000,000"),
        ("train.seed", str(2**63), "at most 9,223,372,036,854,775,807"),
        ("train.shards", "257", "at most 256"),
        ("train.blas_threads", "1025", "at most 1,024"),
        ("train.workers", "1000000", "at most 1024"),
        ("train.grad_clip", "1e101", "at most 1e+100"),
        ("optimizer.learning_rate", "1e999", "at most 1e+100"),
        ("data.validation", "1000000000000", "at most 1,000,000,000"),
        ("data.synthetic_train", "1000000000000", "at most 1,000,000"),
        ("data.synthetic_seed", HUGE, "at most 9,223,372,036,854,775,807"),
        ("data.drawn", "1000001", "at most 1,000,000"),
        ("data.path", "a" * 5_000, "a path of at most 4096"),
        ("data.input_shape", "1 2 3 4", "at most 3 sizes"),
        ("augment.cutout", "513", "at most 512"),
        ("checkpoint.every", "100001", "at most 100,000"),
        ("model.layers", "linear 10000001", "at most 10,000,000"),
        ("model.layers", "conv 1 kernel=1 padding=99999999999999999999", "at most 10,000"),
        ("model.layers", "conv 1 kernel=10001", "at most 10,000"),
        ("model.layers", "conv 1 kernel=1 stride=10001", "at most 10,000"),
        ("model.layers", f"maxpool {HUGE[:100]}", "at most 10,000"),
    ],
)
def test_a_value_above_its_bound_is_an_error_that_names_it(
    key: str, value: str, bound: str
) -> None:
    problem = only_problem("", f"{key}={value}")
    assert problem.startswith("--set: ")
    assert bound in problem


@pytest.mark.parametrize(
    "line",
    ["conv 1 kernel=1 padding=9999", "conv 1 kernel=3000 padding=2000", "conv 70000 kernel=1"],
)
def test_activations_beyond_all_memory_name_their_layer(tmp_path: Path, line: str) -> None:
    message = file_error(tmp_path, f"[model]\nlayers =\n    {line}\n    flatten\n    linear 10\n")
    assert f"a.ini:3: up to `{line}`, which gives (" in message
    assert "activations; a network may have 10,000,000" in message


def test_a_name_that_no_file_can_have_is_no_config() -> None:
    for name in ("a" * 300, "a\0b", LONG):
        with pytest.raises(ConfigError, match="no such config") as caught:
            load_config(name)
        assert len(str(caught.value)) < 3_000


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
def test_a_fifo_is_no_config(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ini")
    with pytest.raises(ConfigError, match="a named pipe"):
        load_config(str(tmp_path / "a.ini"))
