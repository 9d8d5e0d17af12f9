"""`bpnet.train`: runs as `bpnet train` makes them, without a word and without a trace."""

import json
import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import bpnet
from bpnet.model.checkpoint import load_checkpoint
from tests.conftest import TINY
from tests.helpers.notebook import html_of
from tests.helpers.tiny import draw_samples, fail, succeed

NET = {"model": {"layers": ["flatten", "linear 3"]}, "train": {"batch_size": 16, "epochs": 2}}
TWO_LAYERS = {"layers": ["flatten", "linear 8", "relu", "linear 3"]}
TRAIN, TEST = draw_samples(120, 1), draw_samples(30, 2)
PAIR = (TRAIN.inputs, TRAIN.targets)


def same_weights(one: Path, other: Path) -> bool:
    arrays = [load_checkpoint(path / "last.npz").arrays for path in (one, other)]
    return arrays[0].keys() == arrays[1].keys() and all(
        np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0]
    )


def test_it_trains_what_the_command_trains(here: Path) -> None:
    said = json.loads(succeed("train", TINY, "--run-dir", "one", "--seed", 7, "--json").out)
    run = bpnet.train(TINY, run_dir="two", seed=7)
    assert same_weights(here / "one", run.run_dir)
    assert run.run_dir == here / "two"
    assert (run.test_loss, run.test_accuracy) == (said["test_loss"], said["test_accuracy"])
    assert (run.epochs, run.steps) == (said["epochs"], said["steps"])
    assert run.validation_accuracy == said["validation_accuracy"]
    assert run.model.evaluate().accuracy == run.test_accuracy
    assert (here / "one" / "config.ini").read_text() == (here / "two" / "config.ini").read_text()


def test_settings_come_in_several_forms(here: Path) -> None:
    forms: list[Any] = [
        {"settings": {"train": {"seed": 3, "epochs": 1}}},
        {"settings": {"train.seed": 3, "train.epochs": 1}},
        {"seed": 3, "epochs": 1},
    ]
    runs = [bpnet.train(TINY, **form) for form in forms]
    assert same_weights(runs[0].run_dir, runs[1].run_dir)
    assert same_weights(runs[0].run_dir, runs[2].run_dir)
    assert {run.run_dir.parent.name for run in runs} == {"runs"}
    again = bpnet.train(runs[0].model.settings, run_dir="again")
    assert same_weights(runs[0].run_dir, again.run_dir)


def test_every_epoch_is_told_once_it_is_saved(here: Path) -> None:
    told: list[bpnet.Epoch] = []

    def on_epoch(epoch: bpnet.Epoch) -> None:
        saved = (here / "run" / "metrics.jsonl").read_text().splitlines()
        assert len(saved) == epoch.epoch
        told.append(epoch)

    run = bpnet.train(TINY, run_dir="run", on_epoch=on_epoch)
    assert told == list(run.history)
    assert str(told[0]).startswith("epoch 1/3  loss ")
    assert told[-1].validation_accuracy is not None


def test_it_is_silent_and_leaves_the_process_as_it_was(
    here: Path, capfd: pytest.CaptureFixture[str], global_random_state: None
) -> None:
    def state() -> Any:
        handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        threads = [pool["num_threads"] for pool in threadpool_info()]
        return handlers, threads, np.geterr(), np.getbufsize(), warnings.filters[:]

    before = state()
    bpnet.train(TINY, workers=2)
    bpnet.train(TINY, workers="2 threads")
    assert state() == before
    assert capfd.readouterr() == ("", "")


# A run that goes on


@pytest.mark.parametrize("workers", ["1", "2", "2 threads"])
def test_an_interrupted_run_can_go_on(here: Path, workers: str) -> None:
    def interrupt(epoch: bpnet.Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        bpnet.train(TINY, run_dir="run", workers=workers, on_epoch=interrupt)
    assert "resume=" in caught.value.__notes__[0]
    run = bpnet.train(resume="run")
    assert run.epochs == 3
    assert same_weights(run.run_dir, bpnet.train(TINY, run_dir="whole").run_dir)


def test_an_interrupt_in_the_middle_of_a_step_leaves_the_last_checkpoint(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bpnet.training.step.engine import Engine

    take, steps = Engine.step, 0

    def interrupted(engine: Engine, *batch: Any) -> Any:
        nonlocal steps
        steps += 1
        result = take(engine, *batch)
        if steps == 7:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Engine, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bpnet.train(TINY, run_dir="run")
    assert load_checkpoint(here / "run" / "last.npz").epoch == 1
    monkeypatch.setattr(Engine, "step", take)
    whole = bpnet.train(TINY, run_dir="whole").run_dir
    assert same_weights(bpnet.train(resume="run").run_dir, whole)


def test_a_finished_run_is_made_longer(here: Path) -> None:
    run = bpnet.train(TINY, epochs=1)
    longer = bpnet.train(resume=run, epochs="+1")
    assert (longer.run_dir, longer.epochs) == (run.run_dir, 2)
    assert bpnet.train(resume="last", epochs="+1").epochs == 3
    elsewhere = bpnet.train(resume=run, run_dir="elsewhere")
    assert elsewhere.run_dir == here / "elsewhere"
    with pytest.raises(bpnet.ConfigError, match=r"train\.seed"):
        bpnet.train(resume=run, seed=8)


def test_a_run_begins_with_the_weights_of_another(here: Path) -> None:
    run = bpnet.train(TINY, epochs=1)
    for config in (TINY, None):
        warm = bpnet.train(config, weights=run, epochs=1)
        assert warm.history[0].train_loss < run.history[0].train_loss
    given = bpnet.train(NET, data=PAIR, epochs=1)
    with pytest.raises(bpnet.CheckpointError, match="none of the checkpoint's weights fits"):
        bpnet.train(TINY, weights=given)


# Data of the user's own


def test_arrays_are_learned(here: Path) -> None:
    run = bpnet.train(NET, data=PAIR, test=(TEST.inputs, TEST.targets))
    assert run.test_accuracy == 1
    assert run.model.classes == ("0", "1", "2")
    assert run.model.settings["data"]["validation"] == 12
    assert run.model.evaluate(TEST.inputs, TEST.targets).loss == run.test_loss
    assert "settings-" in run.run_dir.name
    longer = bpnet.train(resume=run, epochs="+1", data=PAIR, test=(TEST.inputs, TEST.targets))
    assert longer.epochs == 3
    message = fail(2, "eval", run.run_dir)
    assert "arrays" in message
    with pytest.raises(bpnet.CheckpointError, match="other data"):
        bpnet.train(resume=run, data=(TEST.inputs, TEST.targets), test=PAIR)


def test_names_and_held_out_samples(here: Path) -> None:
    names = np.array(["low", "middle", "top"])[TRAIN.targets]
    run = bpnet.train(NET, data=(TRAIN.inputs, names.astype(object)))
    assert run.model.classes == ("low", "middle", "top")
    named = bpnet.train(NET, data=PAIR, classes=["a", "b", "c"], settings={"data.validation": 0})
    assert named.model.classes == ("a", "b", "c")
    assert named.history[-1].validation_loss is None
    preset = bpnet.train("mlp", data=PAIR, settings={"model": TWO_LAYERS}, epochs=1)
    assert preset.model.settings["data"]["dataset"] == "arrays"


def test_a_folder_is_learned(here: Path) -> None:
    run = bpnet.train(NET, data="pictures", settings={"data.validation": 20})
    assert run.model.evaluate(here / "pictures").samples == 30


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({}, "nothing says what to train"),
        ({"config": "lenet6"}, "did you mean lenet5?"),
        ({"config": 5}, "this is not a config"),
        ({"config": NET, "data": TRAIN.inputs}, "a pair: (images, labels)"),
        ({"config": NET, "data": (TRAIN.inputs / 255, TRAIN.targets)}, "(255 * images)"),
        ({"config": NET, "data": (TRAIN.inputs, TRAIN.targets[:5])}, "120 labels"),
        ({"config": NET, "data": (TRAIN.inputs.reshape(120, 64), TRAIN.targets)}, "(-1, 8, 8)"),
        ({"config": NET, "data": (TRAIN.inputs[0], TRAIN.targets)}, "these are not pictures"),
        ({"config": NET, "data": PAIR, "test": (TEST.inputs[:, :4], TEST.targets)}, "test[0]"),
        ({"config": NET, "data": PAIR, "test": (TEST.inputs, TEST.targets + 9)}, "never shows"),
        ({"config": NET, "data": PAIR, "classes": ["a"]}, "do not fit the labels"),
        ({"config": NET, "test": PAIR}, "go with arrays"),
        ({"config": NET, "classes": ["a"]}, "go with arrays"),
        ({"config": NET, "data": "no such set!"}, "there is no such data set"),
        ({"config": {"train": 3}}, '{"train": {"epochs": 3}}'),
        ({"config": "keras", "settings": {"train.epoch": 3}}, "did you mean [train] epochs?"),
        ({"config": "keras", "settings": {1: 2}}, '{"train": {"epochs": 3}}'),
        ({"config": "keras", "settings": [1]}, '{"train": {"epochs": 3}}'),
        ({"config": "keras", "settings": {"lr": 3}}, 'did you mean "optimizer.learning_rate"?'),
        ({"config": "keras", "on_epoch": 5}, "where: on_epoch"),
        ({"config": "keras", "epochs": "+2"}, "resume="),
        ({"config": "keras", "epochs": 2.5}, "epochs: [train] epochs expects a whole number"),
        ({"config": "keras", "workers": "many"}, "workers"),
        ({"resume": "nowhere"}, "nowhere"),
        ({"resume": "nowhere", "weights": "nowhere"}, "give one of them"),
        (
            {"config": {"model": {"layers": ["flatten", "linear 4"]}}, "data": PAIR},
            "write `linear 3`",
        ),
    ],
)
def test_what_does_not_fit_gets_advice(here: Path, arguments: Any, advice: str) -> None:
    with pytest.raises(bpnet.BpnetError) as caught:
        bpnet.train(**arguments)
    assert advice in str(caught.value)
    assert not (here / "runs").exists()


def test_advice_is_whole(here: Path) -> None:
    run = bpnet.train(TINY, epochs=1)
    with pytest.raises(bpnet.CheckpointError) as caught:
        bpnet.train(TINY, run_dir=run)
    assert f"another run_dir, or go on with it: bpnet.train(resume={str(run.run_dir)!r})" in str(
        caught.value
    )
    with pytest.raises(bpnet.DivergedError) as diverged:
        bpnet.train(TINY, settings={"optimizer.learning_rate": 1e30})
    assert 'settings={"train.grad_clip": 1}' in str(diverged.value)
    assert 'settings={"optimizer.learning_rate": 0.05})' in str(diverged.value)
    with pytest.raises(bpnet.DataError, match=r"check data_dir or BPNET_DATA_DIR.* --data-dir "):
        bpnet.train("mlp", data_dir="nowhere")


def test_arrays_are_given_again_where_they_are_wanted_again(here: Path) -> None:
    run = bpnet.train(NET, data=PAIR, epochs=1)
    for want in (run.model.evaluate, lambda: bpnet.train(resume=run, epochs="+1")):
        with pytest.raises(bpnet.ConfigError, match="a Python program gave these samples"):
            want()


# What a notebook shows


def test_a_run_shows_its_curve(here: Path) -> None:
    run = bpnet.train(TINY, run_dir="<run>")
    shown = repr(run)
    assert "test accuracy" in shown
    assert "o validation" in shown
    html = html_of(run)
    assert "<svg" in html
    assert html.count("<polyline") == 2
    assert "&lt;run&gt;" in html
    assert "<run>" not in html


def test_a_run_of_plain_numbers_shows_its_loss(tmp_path: Path) -> None:
    run = bpnet.train("keras", epochs=2, run_dir=tmp_path / "run")
    assert "mae" in repr(run)
    assert "o training" in repr(run)
    assert run.test_accuracy is None


def test_a_run_that_did_harm_warns(tmp_path: Path) -> None:
    with pytest.warns(bpnet.BpnetWarning, match="rose"):
        run = bpnet.train("chain", epochs=1, run_dir=tmp_path / "run")
    assert "warning" in repr(run)
