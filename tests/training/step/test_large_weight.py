"""Large weight matrices: their gradient is computed once for the whole batch."""

from pathlib import Path

import numpy as np
import pytest

from bpnet.config.settings import Config
from bpnet.model.workers import Workers
from bpnet.training.run import prepare_model
from bpnet.training.step.large_weight import LargeWeight, large_weights
from bpnet.training.step.sample_shard import SampleShard
from tests.helpers.fitting import fit
from tests.helpers.runs import assert_same_run
from tests.helpers.tiny import (
    NET,
    TRAIN,
    draw_dataset,
    new_trainer,
    read_config,
    train,
    weights,
    with_settings,
)

EXACT = "model.dtype=float64"


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    fit(monkeypatch, large_weight=1, gradient_block=50)  # several blocks, the last one smaller


def config(*settings: str, shards: int = 3, batch_size: int = 5) -> Config:
    read = read_config(NET + TRAIN, EXACT, *settings)
    return with_settings(read, "train", shards=shards, batch_size=batch_size)


BEHIND_BATCHNORM = {
    "behind a convolution": "conv 2 kernel=3\nbatchnorm\nflatten\nlinear 3",
    "behind the inputs": "flatten\nbatchnorm\nlinear 3",
    "between two": "flatten\nlinear 6\nrelu\nbatchnorm\nlinear 3",
    "before a ReLU": "flatten\nlinear 6\nbatchnorm\nrelu\nlinear 3",
}


def test_they_are_chosen_where_that_saves_memory(all_are_large: None) -> None:
    network = prepare_model(config(), draw_dataset()).network
    linear = network.layers[-1]
    name = f"{len(network.layers)}.weight"
    out_features, in_features = linear.parameter_shapes["weight"]
    most = 2 * out_features * in_features // (out_features + in_features)
    assert [large.name for large in large_weights(network, most)] == [name]
    assert large_weights(network, most + 1) == []


def test_small_ones_are_left_to_their_layer() -> None:
    assert large_weights(prepare_model(config(), draw_dataset()).network, 1) == []


@pytest.mark.parametrize("micro_batch", [1, 100])
@pytest.mark.parametrize("rule", ["name=sgd", "name=adamw", "nesterov=true"])
def test_they_are_trained_as_by_their_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, micro_batch: int
) -> None:
    fit(monkeypatch, micro_batch=micro_batch)
    settings = (f"optimizer.{rule}", "optimizer.weight_decay=0.01", "train.ema=0.9")
    plain = train(config(*settings), tmp_path / "plain")
    fit(monkeypatch, large_weight=1, gradient_block=50)
    large = train(config(*settings), tmp_path / "large")
    shard = large.engine.shards[0]
    assert isinstance(shard, SampleShard)
    name = f"{len(large.model.network.layers)}.weight"
    assert not shard.gradients.views[name].any()
    np.testing.assert_allclose(weights(large.model), weights(plain.model), rtol=1e-9, atol=1e-12)
    for one, other in zip(plain.progress.history, large.progress.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-12)


def test_any_number_of_workers_gives_the_same_bits(all_are_large: None, tmp_path: Path) -> None:
    for workers in (1, 2, 3):
        train(config(), tmp_path / str(workers), workers=workers)
    for workers in (2, 3):
        assert_same_run(tmp_path / "1", tmp_path / str(workers))


def test_a_gradient_that_is_measured_is_left_to_the_layer(
    all_are_large: None, tmp_path: Path
) -> None:
    with Workers(1) as workers:
        trainer = new_trainer(config("train.grad_clip=0.1"), draw_dataset(), tmp_path, workers)
    shard = trainer.engine.shards[0]
    assert isinstance(shard, SampleShard)
    assert shard.large == []


def test_samples_that_are_not_gathered_are_missed(
    all_are_large: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = train(config(), tmp_path / "good")
    gather = LargeWeight.gather

    def forgetful(self: LargeWeight, caches: object, samples: slice) -> None:
        if samples.start == 0:
            gather(self, caches, samples)  # type: ignore[arg-type]

    monkeypatch.setattr(LargeWeight, "gather", forgetful)
    bad = train(config(), tmp_path / "bad")
    assert not np.allclose(weights(bad.model), weights(good.model), rtol=1e-3)


@pytest.mark.parametrize("layers", BEHIND_BATCHNORM.values(), ids=BEHIND_BATCHNORM)
def test_what_they_have_seen_stays_until_it_is_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layers: str
) -> None:
    lines = "".join(f"    {line}\n" for line in layers.splitlines())
    head, _, _ = NET.partition("layers")
    text = f"{head}layers =\n{lines}{TRAIN}"
    settings = {"shards": 2, "batch_size": 4, "epochs": 1}
    net = with_settings(read_config(text, EXACT), "train", **settings)
    plain = train(net, tmp_path / "plain")
    fit(monkeypatch, large_weight=1)
    large = train(net, tmp_path / "large")
    shard = large.engine.shards[0]
    assert isinstance(shard, SampleShard)
    assert shard.large
    np.testing.assert_allclose(weights(large.model), weights(plain.model), rtol=1e-9, atol=1e-12)
