"""What the scripts compare: the same work, whatever a preset distorts or averages."""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.bench.load import Load
from bpnet.config.loading import load_config
from bpnet.config.presets import preset_paths
from bpnet.data.files.directory import DataDirectory
from bpnet.version import __version__
from tests.helpers.places import PROJECT

SCRIPTS = PROJECT / "scripts"
SCRIPT_NAMES = {"measure_overheads", "compare_frameworks", "compare_whole_run", "provenance"}
NETS = ("mlp", "mlp800", "lenet5", "fast", "convnet")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield import_module
    for name in list(sys.modules):
        if name in SCRIPT_NAMES or name.split(".")[0] == "peers":
            del sys.modules[name]


def test_presets_distort_and_average(script: Any) -> None:
    configs = [load_config(name) for name in NETS]
    assert not all(config.augment.is_identity for config in configs)
    assert any(config.train.ema for config in configs)


@pytest.mark.parametrize("name", sorted(preset_paths()))
def test_a_still_preset_does_neither(script: Any, name: str) -> None:
    config = load_config(name, script("measure_overheads").STILL)
    assert config.augment.is_identity
    assert config.train.ema == 0
    assert not load_config(name, script("measure_overheads").MOVED).augment.is_identity


@pytest.mark.parametrize("name", NETS)
def test_other_frameworks_are_given_the_same_work(
    script: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    work = script("peers.work")
    monkeypatch.setattr(work, "PICTURES", 10)
    config = work.make_work(name, 64).config
    assert config.augment.is_identity
    assert (config.train.ema, config.train.label_smoothing, config.data.validation) == (0, 0, 0)
    assert not config.optimizer.nesterov


def test_compared_steps_have_no_dropout_and_few_pictures(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = script("peers.work")
    monkeypatch.setattr(work, "PICTURES", 10)
    made = work.make_work("convnet", 64)
    still = made.still(4)
    assert "dropout" in {spec.kind for spec, _, _ in made.layers()}
    assert "dropout" not in {spec.kind for spec, _, _ in still.layers()}
    assert len(still.images) == len(still.labels) == 4
    for one, other in zip(made.weights(), still.weights(), strict=True):
        assert one.shape == other.shape


def test_weights_turn_to_channels_last_and_back(script: Any) -> None:
    work = script("peers.work").make_work("lenet5", 64)
    weights = work.weights()
    turned = script("peers.work").channels_last(work, weights)
    assert not np.array_equal(turned[4], weights[4])  # behind the flatten
    image = np.random.default_rng(0).random((16, 5, 5))
    np.testing.assert_allclose(
        weights[4] @ image.reshape(-1), turned[4] @ image.transpose(1, 2, 0).reshape(-1), rtol=1e-5
    )
    back = script("peers.work").channels_last(work, turned, back=True)
    for one, other in zip(weights, back, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_framework_is_started_compared_and_timed(script: Any) -> None:
    contest = script("peers.contestant")
    task = contest.Task("train", "mlp", 64)
    with contest.Contestant("bpnet", ("numpy_bpnet", "own"), task, {}) as one:
        start = script("peers.work").make_work("mlp", 64).weights()
        assert contest.deviation(start, one.results, start) == 1
        assert contest.deviation(start, one.results, one.results) == 0
        one.take_turn(0.1)
        assert 0 < one.best.step <= one.best.mean * 1.001
        assert one.version.startswith(__version__)
    with pytest.raises(contest.AbsentError, match="no_such"):
        contest.Contestant("none", ("no_such", "own"), task, {})


CALM, BUSY = Load(0.0, 0.0), Load(0.5, 0.0)


def fake_contestants(script: Any, stories: dict[str, Any]) -> Any:
    """Return what stands for `Contestant`: frameworks with results and turns made up in advance."""
    contest = script("peers.contestant")

    class Fake:
        def __init__(self, name: str, command: object, task: object, environment: object) -> None:
            story = stories[name]
            if isinstance(story, str):
                raise contest.AbsentError(story)
            self.name, self.version, self.peak = name, "1.0", 10**8
            self.results = [np.full(3, story["result"], np.float32)]
            self._planned = iter(story["turns"])
            self.turns: list[Any] = []

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def close(self) -> None:
            pass

        def take_turn(self, seconds: float) -> None:
            step, load = next(self._planned)
            self.turns.append(contest.Turn(step, step, load))

        calm, best = contest.Contestant.calm, contest.Contestant.best

    return Fake


def test_who_cheats_is_absent_and_disturbed_turns_do_not_count(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = script("compare_frameworks")
    slow, quick = (0.002, CALM), (0.001, BUSY)
    stories = {
        "bpnet": {"result": 1.0, "turns": [slow, quick, slow]},
        "honest": {"result": 1.0001, "turns": [(0.004, CALM), (0.003, CALM)]},
        "restless": {"result": 1.0, "turns": [quick] * 4},
        "cheat": {"result": 1.01, "turns": []},
        "absent": "not installed",
    }
    names = {name: (name, "own") for name in stories}
    monkeypatch.setitem(compare.FRAMEWORKS, "answer", names)
    monkeypatch.setattr(compare, "Contestant", fake_contestants(script, stories))
    monkeypatch.setattr(compare, "commit", lambda: "a")
    options = argparse.Namespace(only=[], rounds=2, seconds=1.0)
    task = script("peers.contestant").Task("answer", "mlp", 1000)
    row = compare.measure(task, "Haswell", options)
    assert set(row["absent"]) == {"cheat", "absent"}
    assert "other work" in row["absent"]["cheat"]
    found = {one["name"]: one for one in row["frameworks"]}
    assert (found["bpnet"]["turns"], found["bpnet"]["calm_turns"]) == (3, 2)
    assert found["bpnet"]["seconds"] == 0.002
    assert (found["restless"]["turns"], found["restless"]["calm_turns"]) == (4, 0)
    assert compare.cells(row) == [
        *("`mlp`", "1,000", "500.00", "333.33", "**1000.00***", "–", "–"),
        *("restless", "0.50*", "100", "–"),
    ]
    text = "\n".join(compare.notes([row]))
    assert "absent: not installed" in text
    assert "* in each of its turns" in text


def test_rows_are_kept_by_task_and_kernel(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, task = (
        script("compare_frameworks"),
        script("peers.contestant").Task("train", "mlp", 64),
    )
    monkeypatch.setattr(compare, "cpu_name", lambda: "A chip")
    monkeypatch.setattr(compare, "commit", lambda: "a")
    path = tmp_path / "rows.jsonl"
    options = argparse.Namespace(results=path, only=[], rounds=5, seconds=1.5)
    assert compare.kept(task, None, options) is None
    row = vars(task) | {"kernel": None, "cpu": "A chip", "commit": "a"} | compare.turns(options)
    compare.keep(path, row)
    assert compare.kept(task, None, options) is not None
    assert compare.kept(task, "Haswell", options) is None
    fewer = argparse.Namespace(results=path, only=["JAX"], rounds=5, seconds=1.5)
    assert compare.kept(task, None, fewer) is None
    for other in ("b", "a-dirty"):
        monkeypatch.setattr(compare, "commit", lambda other=other: other)
        assert compare.kept(task, None, options) is None


def test_a_kernel_limits_every_library_that_can_be(script: Any) -> None:
    kernels = script("peers.kernels")
    avx2 = kernels.environment("Haswell")
    assert avx2["OPENBLAS_CORETYPE"] == "Haswell"
    assert avx2["ATEN_CPU_CAPABILITY"] == "avx2"
    assert avx2["XLA_FLAGS"] == "--xla_cpu_max_isa=AVX2"
    assert set(kernels.environment("SkylakeX")) == {"OPENBLAS_CORETYPE", "TORCHINDUCTOR_CACHE_DIR"}
    folder = "TORCHINDUCTOR_CACHE_DIR"
    assert kernels.environment("Haswell")[folder] != kernels.environment(None)[folder]
    for kernel in ("Haswell", "SkylakeX"):
        assert kernel in kernels.description(kernel)
    assert "ONNX Runtime cannot be limited" in kernels.description("Haswell")


def test_the_twin_is_told_the_whole_recipe(script: Any) -> None:
    whole = script("compare_whole_run")
    recipe = json.loads(whole.recipe_of(load_config("fast")))
    assert recipe["layers"][0] == ["conv", 1, {"out": 24, "kernel": 5}]
    assert recipe["layers"][-1] == ["linear", 256, {"out": 10}]
    config = load_config("fast")
    for room in (config.train, config.optimizer, config.schedule):
        values = vars(room)
        assert all(values[key] == recipe[key] for key in values.keys() & recipe.keys())
    keys = {"label_smoothing", "nesterov", "weight_decay", "momentum", "learning_rate", "rise"}
    assert keys <= recipe.keys()


@pytest.mark.parametrize("name", ["lenet5", "best", "nielsen", "mlp"])
def test_a_recipe_that_the_twin_does_not_know_is_refused(script: Any, name: str) -> None:
    with pytest.raises(SystemExit, match="the twin knows only"):
        script("compare_whole_run").recipe_of(load_config(name))


@pytest.mark.parametrize(
    "setting",
    [
        "data.dataset=fashion_mnist",
        "model.dtype=float64",
        "model.layers=flatten,linear 10 bias=no",
        "model.layers=conv 4 kernel=3 stride=2,flatten,linear 10",
        "model.layers=maxpool 3 stride=2,flatten,linear 10",
    ],
)
def test_what_the_twin_would_do_otherwise_is_refused(script: Any, setting: str) -> None:
    with pytest.raises(SystemExit, match="the twin knows only"):
        script("compare_whole_run").recipe_of(load_config("fast", (setting,)))


def test_the_whole_command_is_run_as_a_user_does(script: Any, tmp_path: Path) -> None:
    whole = script("compare_whole_run")
    directory = DataDirectory(tmp_path, is_own=False)
    own, twin = whole.commands("fast", "{}", directory, 3, "run")
    assert own[1:5] == ["-m", "bpnet", "train", "--config"]
    assert {"--seed", "3"} <= set(own)
    assert twin[1:] == [str(SCRIPTS / "peers/pytorch_run.py"), str(tmp_path / "mnist"), "{}", "3"]
    code = "import json; print(json.dumps({'test_accuracy': 0.5}))"
    done = whole.run([sys.executable, "-c", code], None)
    assert done.seconds > 0
    assert done.accuracy == 0.5
    with pytest.raises(SystemExit, match="no such digit"):
        whole.run([sys.executable, "-c", "raise SystemExit('no such digit')"], None)


def test_calm_rounds_alone_count_in_the_ratio(script: Any) -> None:
    whole = script("compare_whole_run")

    def pair(own: float, twin: float, *, disturbed: bool | None = False) -> Any:
        return [whole.Run(own, 0.99, None), whole.Run(twin, 0.98, disturbed)]

    rounds = [pair(2, 4), pair(9, 1, disturbed=True), pair(3, 6), pair(1, 2, disturbed=None)]
    assert len(whole.calm(rounds)) == 3
    lines = whole.report(rounds)
    assert "| bpnet | 2.00 | 1.00 – 3.00 | 99.00 |" in lines
    assert lines[-1] == "Ratio of the medians: 0.50 (3 calm rounds of 4)"
    assert "all disturbed" in whole.report([pair(1, 2, disturbed=True)])[-1]
