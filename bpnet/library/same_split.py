"""Make sure that runs held out the samples that are scored as their validation samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.errors import ConfigError

if TYPE_CHECKING:
    from bpnet.config.data_settings import DataConfig
    from bpnet.config.settings import Config
    from bpnet.data.dataset import Dataset

SCORE_TEST = "leave out --split to score the test samples"
DRAWING = ("synthetic_seed", "synthetic_variety")


def check_same_split(configs: Sequence[Config], paths: Sequence[Path], *, chosen: bool) -> None:
    """Make sure that all runs split their samples alike.

    Args:
        configs: one per run.
        paths: of their checkpoints.
        chosen: the samples are those of --dataset, so the settings alone show whether all runs
            have the same ones; otherwise `check_same_samples` compares those of training.
    """

    def settings(config: Config) -> dict[str, Any]:
        names = ("validation", *(drawn_by(config.data) if chosen else ()))
        data = {f"data.{name}": getattr(config.data, name) for name in names}
        return {"train.seed": config.train.seed} | data

    first = settings(configs[0])
    for config, path in zip(configs[1:], paths[1:], strict=True):
        for name, value in settings(config).items():
            if value != first[name]:
                raise ConfigError(
                    "this run did not hold out the samples that the first one held out",
                    where=path,
                    expected=f"{name} = {first[name]}",
                    found=f"{name} = {value}",
                    hint=SCORE_TEST,
                )


def drawn_by(data: DataConfig) -> tuple[str, ...]:
    """Return the settings that determine the training samples, most telling first."""
    if data.dataset == "synthetic":
        return ("synthetic_train", *DRAWING)
    if data.dataset == "table":
        return ("inputs", "targets")
    return ("drawn", *DRAWING) if data.drawn else ("drawn",)


def check_same_samples(
    fingerprints: Sequence[str | None], paths: Sequence[Path], data: Dataset
) -> None:
    """Make sure that every run was trained on these samples, or on some of them.

    A checkpoint that does not record its samples is accepted alone, but not among others.
    """
    expected = data.fingerprint()
    for fingerprint, path in zip(fingerprints, paths, strict=True):
        if fingerprint != expected and (fingerprint is not None or len(paths) > 1):
            raise ConfigError(
                "this run is not known to have learned from the samples that would be scored",
                where=path,
                expected=f"training samples with SHA-256 {expected}",
                found=fingerprint or "a checkpoint that does not record its training samples",
                hint=SCORE_TEST,
            )
