"""Begin a new run with the weights of an old one, as far as they fit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bpnet.config.loading import check_network, load_config
from bpnet.config.reader import ConfigReader, raise_problems
from bpnet.config.settings import Config
from bpnet.errors import CheckpointError
from bpnet.model.checkpoint import Checkpoint, demand_finite, load_checkpoint
from bpnet.model.run_files import checkpoint_path
from bpnet.nn.sequential import Sequential


@dataclass
class Transfer:
    """Hold what became of the arrays of two networks, each as `1.weight`.

    Args:
        taken: arrays that the new network has from the old one.
        anew: the other ones of the new network, with the reason if there is one.
        left: those of the old network that the new one has no use for.
    """

    taken: list[str] = field(default_factory=list)
    anew: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = {"taken": self.taken, "new": self.anew, "not taken": self.left}
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts.items() if names)


def load_for_transfer(
    path: Path, source: str | None, overrides: tuple[str, ...]
) -> tuple[Config, Checkpoint]:
    """Read the checkpoint that gives the weights, and the config of the new run.

    Args:
        path: a checkpoint, or a run directory, of which the best one is taken.
        source: config file or preset of the new run; else it is the checkpoint's own.
        overrides: settings that were given besides.

    Raises:
        CheckpointError: there is no usable checkpoint.
        ConfigError: one for all problems of the config together.
    """
    checkpoint = load_checkpoint(checkpoint_path(path), weights_only=True)
    checkpoint.config()  # refuses one that is not understood
    if source is not None:
        return load_config(source, overrides), checkpoint
    reader = ConfigReader(str(checkpoint.path), checkpoint.path.parent)
    config = reader.read(str(checkpoint.record["config"]), overrides)
    check_network(config, reader.problems)
    raise_problems(str(checkpoint.path), reader.problems)
    return config, checkpoint


def take_weights(network: Sequential, checkpoint: Checkpoint) -> Transfer:
    """Copy what fits from a checkpoint: the averaged weights where there are some.

    A parameter or running statistic fits if the layer of the same place is of the same kind, and
    the shapes are equal.

    Args:
        network: of the new run, with its starting weights; written in place.
        checkpoint: of the old one.

    Raises:
        CheckpointError: nothing fits.
        DivergedError: the old weights are not finite.
    """
    old = checkpoint.model(fast=False).network
    for arrays in (old.parameters, old.state):
        demand_finite(float(np.abs(arrays.flat).max(initial=0)), checkpoint.path)
    transfer = Transfer()
    kept = old.parameters.views | old.state.views
    wanted = network.parameters.views | network.state.views
    for name, view in wanted.items():
        reason = _obstacle(name, network, old, view.shape)
        if reason is None:
            view[...] = kept[name]
            transfer.taken.append(name)
        else:
            transfer.anew.append(f"{name} {reason}".rstrip())
    transfer.left = [name for name in kept if name not in wanted]
    if not transfer.taken:
        raise CheckpointError(
            "none of the checkpoint's weights fits the new network",
            where=checkpoint.path,
            expected="a layer of the same kind and size in the same place",
            found=str(transfer),
        )
    return transfer


def _obstacle(
    name: str, network: Sequential, old: Sequential, shape: tuple[int, ...]
) -> str | None:
    """Return why an array of the new network is not taken from the old one; None if it is."""
    place = int(name.partition(".")[0]) - 1
    if place >= len(old.layers):
        return ""
    kind, old_kind = network.layers[place].kind, old.layers[place].kind
    if kind != old_kind:
        return f"({kind} instead of {old_kind})"
    before = (old.parameters.views | old.state.views).get(name)
    if before is None:
        return ""
    return None if before.shape == shape else f"{shape} instead of {before.shape}"


def origin(checkpoint: Checkpoint) -> dict[str, str]:
    """Return where weights came from: path and SHA-256 of a checkpoint's file."""
    with checkpoint.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"checkpoint": str(checkpoint.path.absolute()), "sha256": digest}
