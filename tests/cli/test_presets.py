"""`bpnet presets`: what can be trained."""

import json
import re
from pathlib import Path

from bpnet.cli.presets import describe
from bpnet.config.presets import example_paths, preset_paths
from tests.helpers.tiny import succeed


def test_all_are_listed_once() -> None:
    lines = [line.split()[0] for line in succeed("presets").out.splitlines() if line.strip()]
    for name in (*preset_paths(), *example_paths()):
        assert lines.count(name) == 1


def test_documents_hold_what_the_files_say() -> None:
    found = json.loads(succeed("presets", "--json").out)
    assert [one["name"] for one in found["presets"]] == list(preset_paths())
    assert [one["name"] for one in found["examples"]] == list(example_paths())
    one = next(one for one in found["presets"] if one["name"] == "mlp")
    assert one == {
        "name": "mlp",
        "description": "two-layer perceptron 784–128–10 on MNIST",
        "parameters": 101_770,
        "accuracy": 0.9855,
        "time": "7 s",
        "path": str(preset_paths()["mlp"].absolute()),
    }


def test_every_accuracy_and_time_stands_in_its_file() -> None:
    for name, path in preset_paths().items():
        text = " ".join(path.read_text(encoding="utf-8").replace("\n; ", " ").split())
        one = describe(name, path)
        assert one["accuracy"] is not None
        assert re.search(rf"{100 * one['accuracy']:g}0?( ± [\d.]+)? %", text)
        assert one["time"] is None or f"in {one['time']} on two cores" in text


def test_a_config_without_figures_has_none(tmp_path: Path) -> None:
    path = tmp_path / "a.ini"
    path.write_text("; mine\n[train]\nepochs = 1\n", encoding="utf-8")
    one = describe("a", path)
    assert (one["description"], one["accuracy"], one["time"]) == ("mine", None, None)
