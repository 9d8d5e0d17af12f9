"""`bpnet eval` of several networks, and of several views of every picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.config.data_settings import DataConfig
from bpnet.config.settings import Config
from bpnet.config.writer import format_config
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.distortion.views import Views
from bpnet.data.distortion.warp import LARGEST_SIDE
from bpnet.errors import ConfigError
from bpnet.library.same_split import check_same_split
from bpnet.library.score_data import check_views
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.training.saving import save_checkpoint
from tests.conftest import Run
from tests.helpers.tiny import (
    NET,
    TABLE,
    TRAIN,
    call,
    draw_dataset,
    fail,
    read_config,
    succeed,
    train,
    with_settings,
    write_idx_folder,
)


def evaluated(*words: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(succeed("eval", *words, "--json").out)
    return document


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory, tiny_run: Run) -> dict[str, Path]:
    """Train networks on the data of `tiny_run`: one of another kind, one on another split."""
    folder = tmp_path_factory.mktemp("others")
    net = NET.replace("path = pictures", f"path = {tiny_run.config.parent / 'pictures'}")
    configs = {
        "kind": (net.replace("    relu", "    batchnorm\n    tanh"), "data.normalize=unit"),
        "split": (net, "train.seed=2"),
        "size": (net, "data.validation=30"),
    }
    for name, (text, override) in configs.items():
        train(read_config(text + TRAIN, override, "train.epochs=1"), folder / name)
    return {name: folder / name / "best.npz" for name in configs}


def altered(source: Path, copy: Path, /, **changes: Any) -> Path:
    """Copy a checkpoint with another fingerprint, or none, or other settings of [data]."""
    checkpoint = load_checkpoint(source)
    if "fingerprint" in changes:
        checkpoint.record["fingerprint"] = changes.pop("fingerprint")
    config = with_settings(checkpoint.config(), "data", **changes)
    checkpoint.record["config"] = format_config(config)
    save_checkpoint(copy, checkpoint.record, checkpoint.arrays)
    return copy


def expected_loss(paths: list[Path], views: int) -> float:
    """Return the cross-entropy of the mean probabilities for the test set of `tiny_run`."""
    models = [load_checkpoint(path).model() for path in paths]
    test = draw_dataset(test=50).test
    probabilities = Answers(Ensemble(models, views), 50).probabilities(test.inputs)
    return float(-np.log(probabilities[np.arange(50), test.targets]).mean())


@pytest.mark.parametrize("views", [1, 3])
def test_several_answer_together(tiny_run: Run, others: dict[str, Path], views: int) -> None:
    paths = [tiny_run.path / "best.npz", others["kind"]]
    words = (tiny_run.path, others["kind"], "--views", views)
    found = evaluated(*words)
    assert found["checkpoint"] is None
    assert (found["checkpoints"], found["views"]) == (list(map(str, paths)), views)
    assert found["loss"] == pytest.approx(expected_loss(paths, views), rel=1e-5)
    assert sum(map(sum, found["confusion"])) == found["samples"] == 50
    text = succeed("eval", *words).out
    epochs = [load_checkpoint(path).epoch for path in paths]
    assert (found["epoch"], found["epochs"]) == (None, epochs)
    named = [f"  {path}, epoch {epoch}\n" for path, epoch in zip(paths, epochs, strict=True)]
    assert "mean of 2 networks:\n" + "".join(named) in text
    assert ("averaged over 3 views\n" in text) == (views == 3)


def test_one_network_may_look_several_times(tiny_run: Run) -> None:
    once, often = evaluated(tiny_run.path), evaluated(tiny_run.path, "--views", 4)
    assert (once["views"], often["views"]) == (1, 4)
    assert often["checkpoint"] == once["checkpoint"]
    assert often["loss"] != pytest.approx(once["loss"], rel=1e-4)
    text = succeed("eval", tiny_run.path, "--views", 4).out
    assert text.startswith("idx, test: 50 samples\ncheckpoint ")
    assert "\naveraged over 4 views\nloss " in text
    for wrong in (0, 101):
        fail(2, "eval", tiny_run.path, "--views", wrong)


def test_the_gate_is_for_all_of_them_together(tiny_run: Run, others: dict[str, Path]) -> None:
    words = (others["split"], others["size"], "--views", 2)
    accuracy = evaluated(*words)["accuracy"]
    succeed("eval", *words, "--min-accuracy", accuracy)
    assert call("eval", *words, "--min-accuracy", accuracy + 0.01).code == 6


def test_networks_for_other_data_are_named(
    tiny_run: Run, digit_run: Run, others: dict[str, Path], tmp_path: Path
) -> None:
    message = fail(3, "eval", tiny_run.path, others["kind"], digit_run.path)
    assert f"where: {digit_run.path / 'best.npz'}" in message
    assert "(1, 28, 28)" in message
    renamed = load_checkpoint(others["kind"])
    renamed.record["class_names"] = ["a", "b", "c"]
    save_checkpoint(tmp_path / "renamed.npz", renamed.record, renamed.arrays)
    message = fail(3, "eval", tiny_run.path, tmp_path / "renamed.npz")
    assert "classes a, b, c" in message
    assert "renamed.npz" in message


def test_held_out_samples_are_those_of_all_runs(tiny_run: Run, others: dict[str, Path]) -> None:
    for split, samples in (("validation", 20), ("train", 80)):
        found = evaluated(tiny_run.path, others["kind"], "--split", split)
        assert (found["split"], found["samples"]) == (split, samples)
    for name, key in (("split", "train.seed"), ("size", "data.validation")):
        words = (tiny_run.path, others["kind"], others[name])
        message = fail(2, "eval", *words, "--split", "validation")
        assert str(others[name]) in message
        assert key in message
        assert evaluated(*words)["samples"] == 50


def test_the_same_samples_may_lie_in_two_places(
    tiny_run: Run, others: dict[str, Path], tmp_path: Path
) -> None:
    moved = altered(others["kind"], tmp_path / "moved.npz", path="elsewhere", synthetic_seed=7)
    words = (tiny_run.path, moved, "--split", "validation")
    assert evaluated(*words)["samples"] == 20
    assert evaluated(*words, "--dataset", tiny_run.config.parent / "pictures")["samples"] == 20


@pytest.mark.parametrize(("known", "found"), [("0" * 64, "0" * 64), (None, "does not record")])
def test_runs_on_other_samples_have_no_split_together(
    tiny_run: Run, others: dict[str, Path], tmp_path: Path, known: str | None, found: str
) -> None:
    other = altered(others["kind"], tmp_path / "other.npz", fingerprint=known)
    for paths in ((tiny_run.path, other), (other, tiny_run.path)):
        message = fail(2, "eval", *paths, "--split", "validation")
        assert f"where: {other}" in message
        assert found in message
        assert evaluated(*paths)["samples"] == 50


def test_a_folder_that_has_changed_since_has_no_split(
    tiny_run: Run, others: dict[str, Path], tmp_path: Path
) -> None:
    folder = write_idx_folder(tmp_path / "pictures", draw_dataset(train=99))
    here = {"path": str(folder)}
    paths = [
        altered(tiny_run.path / "best.npz", tmp_path / "one.npz", **here),
        altered(others["kind"], tmp_path / "two.npz", **here),
    ]
    for some in (paths, paths[:1]):
        message = fail(2, "eval", *some, "--split", "validation")
        assert f"where: {paths[0]}" in message
        assert draw_dataset(train=99).fingerprint() in message
    alone = altered(paths[0], tmp_path / "three.npz", fingerprint=None)
    assert evaluated(alone, "--split", "validation")["samples"] == 20


def compare_chosen(dataset: str, **changes: Any) -> None:
    """Compare a run with another one that was given `changes`, once --dataset has chosen data."""
    first = Config(data=DataConfig(dataset=dataset))
    configs = [first, with_settings(first, "data", **changes)]
    check_same_split(configs, [Path("a"), Path("b")], chosen=True)


@pytest.mark.parametrize(
    ("dataset", "name", "value"),
    [
        ("fashion_mnist", "validation", 10),
        ("mnist", "drawn", 10),
        ("synthetic", "synthetic_train", 10),
        ("synthetic", "synthetic_seed", 7),
        ("synthetic", "synthetic_variety", 0.5),
        ("table", "inputs", ((1.0,),)),
    ],
)
def test_chosen_samples_are_told_by_settings(dataset: str, name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"data.{name} = "):
        compare_chosen(dataset, **{name: value})


def test_settings_that_are_not_in_use_tell_nothing() -> None:
    compare_chosen("mnist", synthetic_seed=7, synthetic_variety=0.5, synthetic_train=10)
    compare_chosen("fashion_mnist", path="elsewhere", normalize="unit")
    compare_chosen("synthetic", synthetic_test=10)


def test_pictures_too_large_have_no_views() -> None:
    def pictures(side: int) -> Dataset:
        samples = Samples(np.zeros((1, 3, side), dtype=np.uint8), np.zeros(1, dtype=np.int64))
        return Dataset("idx", samples, samples, ("0",))

    check_views(1, pictures(LARGEST_SIDE + 1))
    check_views(2, pictures(LARGEST_SIDE))
    Views(2, (LARGEST_SIDE, LARGEST_SIDE), 1)
    with pytest.raises(ConfigError, match="--views"):
        check_views(2, pictures(LARGEST_SIDE + 1))


def test_only_pictures_have_views(tmp_path: Path) -> None:
    (tmp_path / "table.ini").write_text(TABLE)
    words = ("train", "--config", tmp_path / "table.ini", "--run-dir")
    succeed(*words, tmp_path / "one")
    succeed(*words, tmp_path / "two", "--set", "train.seed=2")
    message = fail(2, "eval", tmp_path / "one", "--views", 2)
    assert "--views" in message
    assert "only pictures" in message
    found = evaluated(tmp_path / "one", tmp_path / "two")
    assert found["mse"] == pytest.approx(found["loss"], rel=1e-5)


def test_the_network_that_gives_no_numbers_is_named(
    tiny_run: Run, others: dict[str, Path], tmp_path: Path
) -> None:
    checkpoint = load_checkpoint(others["split"])
    checkpoint.arrays["parameters/5.weight"] = checkpoint.arrays["parameters/5.weight"] * 0 + 3e38
    checkpoint.arrays["parameters/1.bias"] = checkpoint.arrays["parameters/1.bias"] + 3e38
    save_checkpoint(tmp_path / "huge.npz", checkpoint.record, checkpoint.arrays)
    message = fail(5, "eval", tiny_run.path, tmp_path / "huge.npz", "--json")
    assert f"where: {tmp_path / 'huge.npz'}" in message
