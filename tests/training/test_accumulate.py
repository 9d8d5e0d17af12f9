"""Several batches in one step: the bits of one large batch, wherever a run stops."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.settings import Config
from bpnet.errors import ConfigError
from bpnet.model.workers import Workers
from bpnet.training.resume import load_for_resume
from bpnet.training.run import build_trainer, prepare_model
from bpnet.training.shard_sizes import smallest_shard
from tests.helpers.tiny import after, draw_dataset, fail, read_config, train, weights

DATASET = draw_dataset(train=1400)
DATA = "[data]\ndataset = idx\npath = x\nvalidation = 20\n[model]\nlayers =\n"
REST = """
[train]
epochs = 2
ema = 0.9
{train}
[augment]
shift = 1
rotate = 5
"""
NETWORKS = {
    "conv": "conv 4 kernel=3|relu|maxpool 2|flatten|linear 20|relu|dropout 0.3|linear 3",
    "perceptron": "flatten|linear 30|relu|dropout 0.3|linear 3",
    "clipped": "flatten|linear 30|sigmoid|linear 3",
}


def config(network: str, batch_size: int, accumulate: int, *settings: str) -> Config:
    layers = "".join(f"    {line}\n" for line in network.split("|"))
    text = (
        DATA + layers + REST.format(train=f"batch_size = {batch_size}\naccumulate = {accumulate}")
    )
    return read_config(text, *settings)


def trained(settings: Config, run_dir: Path) -> NDArray[Any]:
    return weights(train(settings, run_dir, DATASET).model)


@pytest.mark.parametrize("name", NETWORKS)
def test_accumulated_batches_give_the_bits_of_a_large_one(tmp_path: Path, name: str) -> None:
    more = ["train.grad_clip=0.05"] if name == "clipped" else []
    one, four = (config(NETWORKS[name], *sizes, *more) for sizes in ((256, 1), (64, 4)))
    large = trained(one, tmp_path / "large")
    assert trained(four, tmp_path / "small").tobytes() == large.tobytes()
    metrics = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("large", "small")]
    untimed = [[line.partition('"seconds"')[0] for line in text.split("\n")] for text in metrics]
    assert untimed[0] == untimed[1]
    assert '"step": 6' in metrics[0]  # 1380 samples take six steps in an epoch


def test_so_do_batches_larger_than_what_is_computed_at_a_time(tmp_path: Path) -> None:
    one, four = (config(NETWORKS["perceptron"], *sizes) for sizes in ((1300, 1), (325, 4)))
    large = trained(one, tmp_path / "large")
    assert trained(four, tmp_path / "small").tobytes() == large.tobytes()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_workers_change_nothing(tmp_path: Path, kind: str) -> None:
    norm = "conv 4 kernel=3|batchnorm|relu|flatten|linear 3"
    settings = config(norm, 64, 4)
    alone = weights(train(settings, tmp_path / "alone", DATASET).model)
    both = weights(train(settings, tmp_path / "both", DATASET, workers=2, kind=kind).model)
    assert both.tobytes() == alone.tobytes()


def test_a_run_that_stops_between_steps_goes_on_exactly(tmp_path: Path) -> None:
    settings = config(NETWORKS["conv"], 64, 4)
    whole = trained(settings, tmp_path / "whole")
    stopped = train(settings, tmp_path / "stopped", DATASET, should_stop=after(8))
    assert (stopped.progress.epoch, stopped.progress.batch, stopped.progress.seen) == (1, 2, 512)
    resumed, saved, progress = load_for_resume(tmp_path / "stopped", None, (), None)
    with Workers(1) as pool:
        model = prepare_model(resumed, DATASET)
        trainer = build_trainer(model, DATASET, tmp_path / "stopped", pool, saved, progress)
        trainer.run()
    assert weights(trainer.model).tobytes() == whole.tobytes()


def test_normalisation_takes_its_statistics_from_the_shard_of_each_batch(tmp_path: Path) -> None:
    norm = "flatten|linear 12|batchnorm|relu|linear 3"
    four = config(norm, 64, 4, "augment.shift=0", "data.validation=120", "train.epochs=1")
    more_shards = config(norm, 256, 1, "augment.shift=0", "data.validation=120", "train.shards=8")
    more_shards = more_shards.with_epochs(1)
    found = [
        trained(each, tmp_path / name) for name, each in (("four", four), ("more", more_shards))
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=2e-4, atol=2e-5)
    whole = trained(config(norm, 256, 1, "data.validation=120").with_epochs(1), tmp_path / "whole")
    assert not np.allclose(found[0], whole, rtol=2e-4, atol=2e-5)


def test_no_part_of_a_shard_is_of_one_sample_unnoticed() -> None:
    assert smallest_shard(1024, 64, 2, 4) == 32
    assert smallest_shard(1024 + 66, 64, 2, 4) == 16  # 33 samples in two parts
    assert smallest_shard(1024 + 3, 64, 2, 4) == 1
    assert smallest_shard(100, 4, 2, 50) == 2


def test_shards_of_units_refuse_it(tmp_path: Path) -> None:
    settings = config(NETWORKS["perceptron"], 64, 4, "train.split=units")
    with pytest.raises(ConfigError, match="accumulate nothing"):
        prepare_model(settings, DATASET)
    for rule in ("lars", "lamb"):  # nor have they a layer whole
        settings = config(
            NETWORKS["perceptron"], 64, 1, "train.split=units", f"optimizer.name={rule}"
        )
        with pytest.raises(ConfigError, match="no layer whole"):
            prepare_model(settings, DATASET)
    message = fail(
        2,
        "train",
        "keras",
        "--set",
        "train.accumulate=4",
        "--dry-run",
        "--gradients",
        "finite-differences",
    )
    assert "train.accumulate=1" in message
