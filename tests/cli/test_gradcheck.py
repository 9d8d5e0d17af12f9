"""`bpnet gradcheck` as its user sees it."""

import json
from pathlib import Path

import pytest

from bpnet.cli import gradcheck
from tests.helpers.tiny import NET, TABLE, call, draw_dataset, fail, succeed, write_idx_folder

KEYS = (
    *("passed", "parameters", "checks", "forward_seconds", "backward_seconds"),
    *("backward_over_forward", "finite_difference_seconds", "speedup"),
)


@pytest.fixture(autouse=True)
def _little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradcheck, "SECONDS", 0.01)


def test_the_json_document_has_the_keys_of_the_contract() -> None:
    found = json.loads(succeed("gradcheck", "--config", "mlp", "--json").out)
    assert {*KEYS} <= {*found}
    assert found["passed"] is True
    assert found["parameters"] == 101_770
    assert found["finite_difference_seconds"] == 101_771 * found["forward_seconds"]
    for row in found["checks"]:
        assert {"layer", "parameter", "relative_error", "passed"} <= {*row}
        assert row["passed"] is True
        assert 0 <= row["relative_error"] <= 1e-6
    names = [row["parameter"] for row in found["checks"] if row["layer"] == "2.linear"]
    assert names == ["input", "2.weight", "2.bias"]


def test_a_planted_mistake_ends_with_1_and_names_the_layer() -> None:
    answer = call("gradcheck", "--config", "sigmoid", "--sabotage", "4.sigmoid")
    assert answer.code == 1
    assert "planted: it forgets to multiply by σ'(z)" in answer.out
    assert "WRONG" in answer.out
    assert "where: 4.sigmoid, input" in answer.err


def test_a_planted_mistake_in_json_still_prints_one_document() -> None:
    answer = call("gradcheck", "--config", "sigmoid", "--sabotage", "1.linear", "--json")
    assert answer.code == 1
    found = json.loads(answer.out)
    assert found["passed"] is False
    assert [row["parameter"] for row in found["checks"] if not row["passed"]] == ["1.weight"]


def test_a_mistake_that_changes_nothing_is_said_to_show_nowhere() -> None:
    for name in ("flatten", "mse:2"):  # one number, in any order; one sample
        answer = call("gradcheck", "conv", "--sabotage", name)
        assert answer.code == 2
        assert "the planted mistake shows nowhere" in answer.out
        assert "the planted mistake shows nowhere" in answer.err
        answer = call("gradcheck", "conv", "--sabotage", name, "--json")
        assert answer.code == 2
        assert json.loads(answer.out)["passed"] is True


def test_a_factor_of_1_hides_no_mistake(tmp_path: Path) -> None:
    config = tmp_path / "a.ini"
    config.write_text(TABLE.replace("    tanh", "    scale 1"), encoding="utf-8")
    answer = call("gradcheck", config, "--sabotage", "scale")
    assert answer.code == 1
    assert "so that no term hides: 1.bias, 3.bias, 2.scale factor 1.3" in answer.out


def test_a_mistake_is_planted_in_a_loss() -> None:
    answer = call("gradcheck", "nielsen", "--sabotage", "quadratic:2")
    assert answer.code == 1
    assert "planted: it forgets to divide by the size of the batch" in answer.out
    assert "where: quadratic, outputs" in answer.err


def test_a_slope_that_a_norm_makes_flat_is_said_to_be_the_layers_own() -> None:
    out = succeed("gradcheck", "tiny").out
    rows = [line.split() for line in out.splitlines() if line.startswith("1.conv ")]
    assert [row[-1] for row in rows] == ["ok", "ok", "alone"]
    assert "alone: flat, since normalisation takes every mean away" in out
    found = json.loads(succeed("gradcheck", "tiny", "--json").out)
    alone = {row["parameter"] for row in found["checks"] if row["alone"]}
    assert alone == {"1.bias", "5.bias", "8.bias", "12.bias"}


def test_the_text_tells_every_gradient_and_the_cost() -> None:
    out = succeed("gradcheck", "--config", "chain", "--elements").out
    assert "chain: 3 parameters, loss mse, 1 sample, float64" in out
    assert "18 of 18 gradients agree" in out
    assert "finite differences" in out
    assert "4 forward passes" in out
    assert "1.linear                 1.weight            -4800         -4800" in out


def test_elements_say_how_many_they_are() -> None:
    found = json.loads(succeed("gradcheck", "--config", "two-layer", "--elements", "--json").out)
    by_one = {row["parameter"]: row["elements"] for row in found["checks"] if row["elements"]}
    assert by_one == {"1.weight": 4, "2.weight": 4}


def test_pictures_of_a_folder_tell_the_shape(tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    (tmp_path / "a.ini").write_text(NET, encoding="utf-8")
    assert "agree" in succeed("gradcheck", "--config", tmp_path / "a.ini").out


def test_mistakes_at_the_keyboard_are_told() -> None:
    assert "expected: one of 1.linear, 2.linear, 3.scale, mse" in fail(
        2, "gradcheck", "--config", "chain", "--sabotage", "7.conv"
    )
    assert "several layers" in fail(2, "gradcheck", "--config", "chain", "--sabotage", "linear")
    unknown = fail(2, "gradcheck", "--config", "chain", "--sabotage", "3.scale:2")
    assert "expected: 3.scale:1 (it forgets its factor)" in unknown
    assert "no such config" in fail(2, "gradcheck", "--config", "chian")
    assert "name a config, FILE|PRESET|EXAMPLE" in fail(2, "gradcheck")
