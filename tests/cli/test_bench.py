"""`bpnet bench`: its document, its table, and how it ends when something goes wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bpnet.cli import bench
from bpnet.fast.sizes import describe_choice
from bpnet.text_table import plain_lines
from tests.helpers.places import needs_utf8
from tests.helpers.tiny import NET, TABLE, TRAIN, bpnet, command, fail, process_environment, succeed

KEYS = {
    "config": str,
    "batch_size": int,
    "workers": int,
    "samples_per_second": float,
    "mean_samples_per_second": float,
    "gflops": float,
    "fraction_of_peak": float,
    "peak_rss_mb": float,
    "inference_samples_per_second": float,
    "others_share": float | None,
    "stolen_share": float | None,
    "disturbed": bool | None,
    "rounds": list,
    "layers": list,
    "matmul_seconds": float,
    "other_seconds": float,
}
ROUND_KEYS = {
    *("samples_per_second", "mean_samples_per_second"),
    *("others_share", "stolen_share", "disturbed"),
}
LAYER_KEYS = ["name", "forward_seconds", "backward_seconds", "gflops"]


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SECONDS", 0.05)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.ini"
    path.write_text(TABLE, encoding="utf-8")
    return path


def refuse(word: str) -> Any:
    raise AssertionError(f"{word} is no JSON")


def test_the_json_document_has_these_keys(table: Path) -> None:
    answer = succeed("bench", "--config", table, *("--batch-size", 2, "--batch-size", 4), "--json")
    found = json.loads(answer.out, parse_constant=refuse)
    assert {"gemm_gflops", "blas", "cpu", "cores", "results"} <= found.keys()
    assert [result["batch_size"] for result in found["results"]] == [2, 4]
    for result in found["results"]:
        for key, kind in KEYS.items():
            assert isinstance(result[key], kind), key
        assert result["config"] == str(table.absolute())
        flops = 4 * 8 + 6 * 4
        assert result["gflops"] == pytest.approx(result["samples_per_second"] * flops / 1e9)
        assert result["fraction_of_peak"] == pytest.approx(result["gflops"] / found["gemm_gflops"])
        names = [layer["name"] for layer in result["layers"]]
        assert names == ["input", "1.linear", "2.tanh", "3.linear", "loss"]
        assert all(list(layer) == LAYER_KEYS for layer in result["layers"])
        assert result["layers"][0]["backward_seconds"] is None
        assert result["rounds"]
        assert all(one.keys() == ROUND_KEYS for one in result["rounds"])
    assert "table, batch 2" in answer.err


def test_a_reader_gets_a_table_and_the_layers_of_one_config(table: Path) -> None:
    lines = succeed("bench", "--config", table, "--workers", 1).out.splitlines()
    heads = [number for number, line in enumerate(lines) if line.startswith("config ")]
    words = lines[heads[0] + 1].split()
    assert words[:3] == ["table", "64", "1"]
    assert words[-2] == "MB"
    (start,) = (number for number, line in enumerate(lines) if line.startswith("layer "))
    assert [line.split()[0] for line in lines[start + 1 :]][:5] == [
        *("input", "1.linear", "2.tanh", "3.linear", "loss")
    ]
    assert lines[-1].startswith("matrix products take")


def result(name: str) -> dict[str, Any]:
    """Return what might be measured of a config."""
    layers = [
        {"name": "1.flatten", "forward_seconds": 1e-6, "backward_seconds": None, "gflops": None},
        {"name": "2.linear", "forward_seconds": 2e-6, "backward_seconds": 5e-4, "gflops": 1.25},
    ]
    times = {"matmul_seconds": 3e-4, "other_seconds": 1e-4, "layers": layers, "shard_samples": 32}
    speed = {
        "samples_per_second": 12345.6,
        "mean_samples_per_second": 1e4,
        "inference_samples_per_second": 1e6,
        "workers": 2,
    }
    memory = {"peak_rss_mb": None, "memory_method": None}
    share = {"gflops": 50.0, "fraction_of_peak": 0.25}
    load = {"others_share": None, "stolen_share": None, "disturbed": None}
    return (
        {"config": name, "batch_size": 64, "accumulate": 1} | times | speed | memory | share | load
    )


def test_the_table_reads_like_this() -> None:
    found = {"cpu": "A chip", "cores": 2, "gemm_gflops": 200.0, "results": [result("mlp")]}
    lines = plain_lines(*bench.text(found, layers=False))
    assert lines[0] == "A chip: 200 GFLOP/s in float32 products on 2 cores"
    assert lines[4].split() == [
        *("mlp", "64", "2", "12,346", "10,000", "50.0", "25.0", "%", "1,000,000", "–", "–")
    ]
    assert "all that this system reports" in lines[5]
    assert lines[7] == "mlp, batch 64: one worker, 32 samples, microseconds"
    assert lines[9].split() == ["1.flatten", "1", "–", "–"]
    assert lines[10].split() == ["2.linear", "2", "500", "1.2"]
    assert lines[11] == "matrix products take 300 of 400 (75 %)"


def test_figures_without_a_calm_round_are_marked() -> None:
    found: dict[str, Any] = {"cpu": "A chip", "cores": 2, "gemm_gflops": 200.0}
    calm = {"others_share": 0.02, "stolen_share": 0.01, "disturbed": False}
    busy = {"others_share": 0.37, "stolen_share": 0.01, "disturbed": True}
    found["results"] = [result("mlp") | calm, result("fast") | busy]
    lines = plain_lines(*bench.text(found, layers=False))
    assert lines[4].endswith(" 3%")
    assert lines[5].endswith(" 38%*")
    assert "* disturbed: others took more than 5% of the processors in every round" in lines
    found["results"].pop()
    assert "disturbed" not in "\n".join(plain_lines(*bench.text(found, layers=False)))


def test_layers_of_many_configs_are_shown_on_demand() -> None:
    found = {"cpu": "A chip", "cores": 1, "gemm_gflops": 200.0}
    found["results"] = [result("mlp"), result("/nets/own.ini")]
    assert "2.linear" not in "\n".join(plain_lines(*bench.text(found, layers=False)))
    text = "\n".join(plain_lines(*bench.text(found, layers=True)))
    assert text.count("2.linear") == 2
    assert "own, batch 64" in text


def test_configs_are_plain_words_too(table: Path) -> None:
    found = json.loads(succeed("bench", "chain", table, "--json").out)
    assert [result["config"] for result in found["results"]] == ["chain", str(table.absolute())]


def test_what_cannot_be_measured_has_its_exit_code(tmp_path: Path, table: Path) -> None:
    assert "no such config" in fail(2, "bench", "--config", table, "--config", "lenet")
    assert "--batch-size" in fail(2, "bench", "--config", table, "--batch-size", 0)
    assert "workers" in fail(2, "bench", "--config", table, "--workers", "none")
    (tmp_path / "wrong.ini").write_text("[train]\nbatchsize = 3\n")
    assert "batch_size" in fail(2, "bench", "--config", tmp_path / "wrong.ini")


@needs_utf8
def test_what_fails_while_measuring_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "lost.ini").write_text(NET + TRAIN)
    done = bpnet("bench", "--config", "lost.ini", "--json", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout == ""
    first, second, *_ = done.stderr.splitlines()
    assert first == "lost, batch 16 …"
    assert second.startswith("bpnet: the folder lacks files")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals of another kind")
@pytest.mark.parametrize(
    ("number", "wait", "code"),
    [(signal.SIGINT, 0.0, 130), (signal.SIGINT, 0.5, 130), (signal.SIGTERM, 0.5, 143)],
)
def test_a_signal_ends_all_processes(tmp_path: Path, number: int, wait: float, code: int) -> None:
    """As a terminal does it: the signal goes to every process of the group."""
    with subprocess.Popen(
        command("bench", "--config", "mlp"),
        cwd=tmp_path,
        env=process_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("mlp")
        time.sleep(wait)
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (code, "")
    assert err.startswith("bpnet: stopped")
    assert "Traceback" not in err
    assert ends_soon(process.pid)


def ends_soon(group: int) -> bool:
    """Return whether no process of a group runs any more within seconds."""
    for _ in range(100):
        if not any(map(runs_in(group), Path("/proc").glob("[0-9]*/stat"))):
            return True
        time.sleep(0.05)
    return False


def runs_in(group: int) -> Callable[[Path], bool]:
    """Tell by its `stat` whether a process is of a group and not merely waits to be noticed."""

    def check(path: Path) -> bool:
        try:
            state, _, its_group, *_ = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return False
        return int(its_group) == group and state != "Z"

    return check


def test_a_process_that_goes_on_is_found() -> None:
    if sys.platform == "linux":
        assert any(map(runs_in(os.getpgrp()), Path("/proc").glob("[0-9]*/stat")))


def test_choices_are_shown_and_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpnet.bench.measure.run_bench", None)
    found = json.loads(succeed("bench", "--show-choices", "--json").out)
    assert found == describe_choice()
    text = succeed("bench", "--show-choices").out
    assert f"BLAS kernel {found['kernel']}" in text
    assert f"sizes for {found['chosen_for']}" in text
    for name, size in found["sizes"].items():
        assert f"  {name} " in text
        assert f" {size:,}" in text


def test_help_lists_options_and_examples() -> None:
    text = succeed("bench", "--help").out
    for word in ("--config", "--batch-size", "--workers", "--json", "convnet", "Examples:"):
        assert word in text
