"""Parts of a trace: `--only`, `--weight` and `--brief`."""

from pathlib import Path

import pytest

from tests.helpers.tiny import config_file, fail, succeed
from tests.teach.trace.test_trace import CHAIN, TABLE


@pytest.mark.parametrize(
    ("part", "begin", "others"),
    [
        ("forward", "forward", ("backward:", "parameters:", "paths to")),
        ("backward", "backward:", ("forward\n", "parameters:", "paths to")),
        ("update", "parameters:", ("forward\n", "backward:", "paths to")),
        ("paths", "paths to the loss", ("forward\n", "backward:", "parameters:")),
    ],
)
def test_one_part_is_shown_alone(
    tmp_path: Path, part: str, begin: str, others: tuple[str, ...]
) -> None:
    text = succeed("trace", config_file(tmp_path, CHAIN), "--only", part).out
    heading, shown = text.split("\n\n", 1)
    assert heading.startswith("step 1")
    assert shown.startswith(begin)
    assert not any(other in shown for other in others)


def test_parts_come_in_the_order_of_a_step(tmp_path: Path) -> None:
    config = config_file(tmp_path, CHAIN)
    text = succeed("trace", config, "--only", "update", "--only", "forward").out
    assert text.index("forward\n") < text.index("parameters:")


def test_one_weight_is_followed_alone(tmp_path: Path) -> None:
    text = succeed("trace", config_file(tmp_path, CHAIN), "--weight", "2.weight[1,1]").out
    assert "sum −2640 = gradient" in text
    assert "1.weight[1,1]" not in text
    assert "forward\n" not in text


@pytest.mark.parametrize(
    ("options", "shown", "hidden"),
    [
        (("--brief",), ["forward\n", "parameters\n"], ["W a", "backward:"]),
        (("--only", "forward"), ["forward\n"], ["parameters", "backward:"]),
        (("--only", "paths"), [], ["forward\n"]),
    ],
)
def test_the_paths_of_a_weight_are_added_to_other_parts(
    tmp_path: Path, options: tuple[str, ...], shown: list[str], hidden: list[str]
) -> None:
    config = config_file(tmp_path, CHAIN)
    text = succeed("trace", config, *options, "--weight", "2.weight[1,1]").out
    assert text.count("sum −2640 = gradient") == 1
    assert "1.weight[1,1]" not in text
    assert all(part in text for part in shown)
    assert not any(part in text for part in hidden)


def test_a_brief_trace_has_numbers_and_no_formulas(tmp_path: Path) -> None:
    text = succeed("trace", config_file(tmp_path, CHAIN), "--brief").out
    assert "−4800" in text
    assert "W a" not in text
    assert "→" not in text
    assert len(text.splitlines()) < 25


def test_why_no_paths_are_listed_is_told(tmp_path: Path) -> None:
    words = ("--set", "model.layers=linear 2, batchnorm, linear 2", "--set", "train.batch_size=7")
    message = fail(2, "trace", config_file(tmp_path, TABLE), *words, "--weight", "1.weight[1,1]")
    assert "2.batchnorm mixes the samples" in message
    assert "expected" not in message
