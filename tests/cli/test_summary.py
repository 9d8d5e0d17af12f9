"""`bpnet summary`: shapes, parameters and cost of each layer, counted by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from bpnet.model.checkpoint import load_checkpoint
from tests.conftest import Run
from tests.helpers.tiny import NET, TABLE, TRAIN, fail, succeed


def summary(source: object, *words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed("summary", source, *words, "--json").out)
    return found


def test_the_json_document_has_these_keys_and_adds_up() -> None:
    found = summary("lenet5")
    assert list(found) == ["layers", "parameters", "mflop"]
    for layer in found["layers"]:
        assert list(layer) == ["name", "output_shape", "parameters", "mflop"]
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"])
    assert found["mflop"] == pytest.approx(sum(layer["mflop"] for layer in found["layers"]))


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [
        ("mlp", 784 * 128 + 128 + 128 * 10 + 10),
        ("mlp800", 784 * 800 + 800 + 800 * 10 + 10),
        ("nielsen", 784 * 30 + 30 + 30 * 10 + 10),
        ("lenet5", 156 + 2416 + 400 * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10),
        ("fast", 24 * 26 + 32 * (24 * 9 + 1) + 800 * 256 + 256 + 2570),
        ("mlp-deep", (784 + 1) * 1000 + (1000 + 1) * 500 + (500 + 1) * 10),
        ("tiny", 416 + 2 * 2320 + 3480 + 2 * (16 + 16 + 16 + 24) + 970),
        ("convnet", 320 + 64 * (32 * 9 + 1) + 9216 * 128 + 128 + 1290),
    ],
)
def test_parameters_are_those_counted_by_hand(preset: str, parameters: int) -> None:
    assert summary(preset)["parameters"] == parameters


def test_shapes_and_cost_are_those_counted_by_hand() -> None:
    conv, *_, linear = summary("fast")["layers"]
    assert (conv["name"], conv["output_shape"], conv["parameters"]) == ("1.conv", [24, 24, 24], 624)
    assert conv["mflop"] == pytest.approx(2 * 24 * 24 * 24 * 25 / 1e6)
    assert (linear["name"], linear["output_shape"]) == ("10.linear", [10])
    assert linear["mflop"] == pytest.approx(2 * 2560 / 1e6)


def test_a_reader_gets_a_table() -> None:
    lines = succeed("summary", "mlp").out.splitlines()
    assert lines[0].split()[:3] == ["layer", "output", "parameters"]
    assert lines[1].split()[:6] == ["input", "1", "×", "28", "×", "28"]
    assert len(lines) == 2 + 4 + 1
    assert "101,770" in lines[-1]


def test_checkpoints_and_run_directories_may_be_given(tiny_run: Run) -> None:
    by_path = summary(tiny_run.path / "last.npz")
    assert summary(tiny_run.path) == by_path
    flat = load_checkpoint(tiny_run.path / "last.npz").model().network.parameters.flat
    assert by_path["parameters"] == len(flat)


def test_a_config_whose_data_alone_tell_the_shape_is_read_with_its_data(tiny_run: Run) -> None:
    assert summary(tiny_run.config) == summary(tiny_run.path)


def test_a_table_needs_no_data(tmp_path: Path) -> None:
    (tmp_path / "table.ini").write_text(TABLE)
    assert summary(tmp_path / "table.ini")["parameters"] == 2 * 4 + 4 + 4 + 1


def test_what_cannot_be_shown_has_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "lost.ini").write_text(NET + TRAIN)
    assert "lacks files" in fail(3, "summary", tmp_path / "lost.ini")
    assert "no such config" in fail(2, "summary", "lenet")
    assert "no such file" in fail(4, "summary", "nothing.npz")
    assert "holds no checkpoint" in fail(4, "summary", tmp_path)
    assert "Missing argument" in fail(2, "summary")
