"""Batch normalisation needs two samples in every shard."""

import pytest

from bpnet.errors import ConfigError
from bpnet.training.run import prepare_model
from bpnet.training.shard_sizes import check_shard_sizes, smallest_shard
from bpnet.training.step.batch import split_evenly
from tests.helpers.tiny import NET, TRAIN, draw_dataset, read_config

FLAT = "model.layers=flatten, linear 4, batchnorm, relu, linear 3"
PICTURES = "model.layers=conv 3 kernel=3, batchnorm, relu, flatten, linear 3"
ONE_PIXEL = "model.layers=conv 3 kernel=8, batchnorm, relu, flatten, linear 3"


def check(layers: str, samples: int, batch_size: int, shards: int) -> None:
    settings = (f"train.batch_size={batch_size}", f"train.shards={shards}")
    config = read_config(NET + TRAIN, layers, *settings)
    check_shard_sizes(prepare_model(config, draw_dataset()), samples)


@pytest.mark.parametrize("layers", [FLAT, ONE_PIXEL])
@pytest.mark.parametrize(
    ("samples", "batch_size", "shards", "mend"),
    [
        (80, 2, 2, "--set train.batch_size=4, or --set train.shards=1"),
        (80, 3, 2, "--set train.batch_size=4"),  # with one shard, the last batch has 2 samples
        (80, 1, 1, "--set train.batch_size=2"),
        (81, 16, 2, "--set train.batch_size=17"),
        (83, 16, 2, "--set train.batch_size=17, or --set train.shards=1"),
        (83, 16, 1, ""),
        (84, 16, 2, ""),
        (1, 16, 1, "and more training samples"),
    ],
)
def test_a_shard_of_one_sample_is_refused_with_what_mends_it(
    layers: str, samples: int, batch_size: int, shards: int, mend: str
) -> None:
    if not mend:
        check(layers, samples, batch_size, shards)
        return
    with pytest.raises(ConfigError) as caught:
        check(layers, samples, batch_size, shards)
    message = str(caught.value)
    assert mend in message
    assert f"train.batch_size = {batch_size}, train.shards = {shards}" in message
    assert ": `batchnorm`" in message


def test_a_picture_or_a_network_without_batch_normalisation_may_be_alone() -> None:
    check(PICTURES, 80, 2, 2)
    check("model.layers=flatten, linear 3", 81, 1, 1)


def test_the_smallest_shard_is_that_of_the_split() -> None:
    for samples in range(1, 20):
        for batch_size in range(1, 22):
            for shards in range(1, 6):
                starts = range(0, samples, batch_size)
                batches = [min(batch_size, samples - start) for start in starts]
                slices = [split_evenly(b, shards, n) for b in batches for n in range(shards)]
                sizes = [part.stop - part.start for part in slices if part.stop > part.start]
                assert smallest_shard(samples, batch_size, shards) == min(sizes)
