"""Runs of networks with residual blocks: the same bits whoever computes them, and however often."""

from pathlib import Path

import numpy as np
import pytest

from bpnet.config.writer import format_config
from bpnet.errors import ConfigError
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.forks import CAN_FORK
from bpnet.training.run import prepare_model
from bpnet.training.transfer import take_weights
from tests.helpers.forged import forge_record
from tests.helpers.runs import RICH, assert_same_run, resume
from tests.helpers.tiny import after, draw_dataset, fail, read_config, succeed, train

BLOCKS = (
    "conv 4 kernel=3, residual, conv 4 kernel=3 padding=1, batchnorm, relu, dropout 0.2, "
    "residual, conv 4 kernel=3 padding=1, batchnorm, end, end, relu, maxpool 3 stride=2 padding=1, "
    "globalavgpool, residual, linear 4, tanh, end, linear 3"
)
LAYERS = f"model.layers={BLOCKS}"
ODD = ("train.batch_size=18", "train.shards=3")  # a short last batch of 8 samples


def test_any_workers_give_the_same_bits_and_a_resumed_run_too(tmp_path: Path) -> None:
    config = read_config(RICH, LAYERS, *ODD)
    train(config, tmp_path / "alone")
    for kind in ("threads", *(["processes"] if CAN_FORK else [])):
        train(config, tmp_path / kind, workers=2, kind=kind)
        assert_same_run(tmp_path / "alone", tmp_path / kind)
    train(config, tmp_path / "stopped", should_stop=after(7))
    resume(tmp_path / "stopped", workers=3)
    assert_same_run(tmp_path / "alone", tmp_path / "stopped")


def test_micro_batches_give_the_gradient_of_the_whole(tmp_path: Path) -> None:
    plain = LAYERS.replace("batchnorm, ", "")
    exact = ("model.dtype=float64", "train.epochs=1", "train.batch_size=76", "train.shards=1")
    found = [
        train(read_config(RICH, plain, *exact, f"train.shards={shards}"), tmp_path / str(shards))
        for shards in (1, 2)
    ]
    whole, halves = (trainer.model.network.parameters.flat for trainer in found)
    np.testing.assert_allclose(halves, whole, rtol=1e-9, atol=1e-12)


def test_the_stored_config_reads_back_and_gives_the_same_network(tmp_path: Path) -> None:
    config = read_config(RICH, LAYERS, "train.epochs=1")
    train(config, tmp_path)
    checkpoint = load_checkpoint(tmp_path / "last.npz")
    assert checkpoint.config().model == config.model
    assert read_config(format_config(config)).model == config.model
    names = checkpoint.model().network.parameters.shapes
    assert {"1.weight", "3.weight", "4.weight", "8.weight", "16.weight", "19.weight"} <= set(names)


def test_weights_are_taken_place_by_place(tmp_path: Path) -> None:
    train(read_config(RICH, LAYERS, "train.epochs=1"), tmp_path)
    config = read_config(RICH, f"{LAYERS}, relu, linear 3", "train.seed=2")
    model = prepare_model(config, draw_dataset())
    transfer = take_weights(model.network, load_checkpoint(tmp_path / "last.npz"))
    assert transfer.anew == ["21.weight", "21.bias"]
    assert transfer.left == []


@pytest.mark.parametrize(
    "layers",
    [
        "flatten, residual, linear 64, end, relu, linear 3",
        "flatten, linear 8, residual, relu, end, linear 3",
        "flatten, residual, relu, end, linear 8, relu, linear 3",
    ],
)
def test_hidden_units_of_blocks_are_not_split(tmp_path: Path, layers: str) -> None:
    config = read_config(RICH, f"model.layers={layers}", "train.split=units")
    with pytest.raises(ConfigError, match="this network's units cannot be split"):
        train(config, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        end", "        relu"),
        ("    residual", "    end"),
        ("        linear 4\n        tanh\n", ""),
        ("        linear 4", "        linear 5"),
    ],
)
def test_a_forged_config_of_blocks_is_refused(tmp_path: Path, old: str, new: str) -> None:
    config = read_config(RICH, LAYERS, "train.epochs=1")
    train(config, tmp_path)
    text = format_config(config).replace(old, new, 1)
    assert text != format_config(config)
    forged = forge_record(tmp_path / "last.npz", tmp_path / "forged.npz", config=text)
    assert fail(4, "eval", forged)
    assert fail(4, "summary", forged)


def test_a_thousand_nested_lines_are_just_layers(tmp_path: Path) -> None:
    blocks = ",".join(["residual"] * 498 + ["relu"] + ["end"] * 498)
    path = tmp_path / "deep.ini"
    path.write_text("[model]\nlayers =\n    flatten\n    linear 10\n", encoding="utf-8")
    deep = read_config("[model]\nlayers =\n    relu\n", f"model.layers=flatten,{blocks},linear 10")
    path.write_text(format_config(deep), encoding="utf-8")
    assert "498" in succeed("summary", path).out
