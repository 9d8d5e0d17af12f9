"""A network is compared with the memory of the machine before any of it is reserved."""

import dataclasses

import pytest

from bpnet.errors import ConfigError
from bpnet.machine import memory_bytes
from bpnet.model.model import Model, build_network
from bpnet.nn import stage
from bpnet.nn.sequential import Workspace
from bpnet.training.step.capacity import demand_step_memory
from tests.helpers.tiny import read_config

LAYERS = "model.layers=conv 100 kernel=5 padding=2, maxpool 2, flatten, linear 10"


def model(*overrides: str) -> Model:
    config = read_config("", LAYERS, *overrides)
    network = build_network(config, (1, 28, 28), 10, fast=False)
    return Model(config, network, None, ())  # type: ignore[arg-type]  # no picture is read


def test_the_machine_has_some_memory() -> None:
    assert memory_bytes() > 1 << 28


def test_a_workspace_that_cannot_fit_is_not_reserved() -> None:
    network = model().network
    assert Workspace(network, 1, training=True)
    with pytest.raises(ConfigError, match="does not fit in the memory") as caught:
        Workspace(network, 10**9, training=True)
    found = str(caught.value)
    numbers = 100 * 28 * 28 + 25 * 28 * 28 + 32 * 32  # output, windows, border
    assert f"1.conv, with {numbers:,} numbers for each of 1,000,000,000 samples" in found
    assert caught.value.exit_code == 2


def test_all_shards_of_a_step_count(monkeypatch: pytest.MonkeyPatch) -> None:
    one = model("train.shards=1")
    gradients = one.network.parameters.flat.nbytes
    sample = 4 * sum(layer.activations() for layer in one.network.layers)
    monkeypatch.setattr(stage, "memory_bytes", lambda: 2 * gradients + 2 * sample)
    demand_step_memory(one, samples=1, workers=1)
    demand_step_memory(model("train.shards=2"), samples=2, workers=2)
    with pytest.raises(ConfigError, match="does not fit in the memory"):
        demand_step_memory(model("train.shards=3"), samples=3, workers=3)


def test_a_batch_is_no_larger_than_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(
        read_config("", LAYERS, "train.batch_size=1000000000", "train.shards=1"),
    )
    whole = Model(config, model().network, None, ())  # type: ignore[arg-type]
    demand_step_memory(whole, samples=50, workers=1)
