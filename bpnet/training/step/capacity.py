"""Compare what a training step writes with the memory of the machine."""

from bpnet.model.model import Model
from bpnet.nn.stage import demand_memory
from bpnet.training.finite_differences import shard_kind


def demand_step_memory(model: Model, samples: int, workers: int) -> None:
    """Make sure that the shards of a step can fit in this machine's memory.

    Args:
        model: what is trained.
        samples: of all steps of an epoch.
        workers: how many shards are computed at the same time.

    Raises:
        ConfigError: they cannot.
    """
    train, network = model.config.train, model.network
    batch = min(train.samples_per_step, samples)
    gradients = network.parameters.flat.nbytes
    at_once = batch
    if train.split == "samples":
        keeps_all = any(layer.scope == "batch" for layer in network.layers)
        shards = train.shards if keeps_all else workers
        kind = shard_kind(model.config)
        shard, of_batch = -(-batch // train.shards), -(-train.batch_size // train.shards)
        at_once = min(batch, shards * kind.samples_at_once(network, shard, of_batch))
        gradients *= train.shards
    demand_memory(network.stages, at_once, network.dtype.itemsize, gradients)
