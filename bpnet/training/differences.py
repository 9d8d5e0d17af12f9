"""Find where two runs differ: metrics, settings, weights, bit for bit; only times may differ."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.settings import SECTIONS, Config
from bpnet.model.checkpoint import Checkpoint

TIMES = ("seconds", "epoch_seconds", "samples_per_second")
CHANGE_LATER = ("train.epochs", "train.workers", "data.path")  # a run may go on with others
ENDS = ("ends", "planned")  # likewise: an extension adds to them
NEWER = (  # earlier versions record none of them
    *("patience_from", "patience_score", "first_loss", "temperature", "preparation"),
    *("train_mae", "train_mse", "validation_mae", "validation_mse"),
)


@dataclass(frozen=True)
class Difference:
    """Name one thing that two runs do not have in common.

    Args:
        epoch: its number, from 1, the one under way included; 0 before the first step.
        file: the stored run's file, by its name.
        key: what differs in it.
        stored: what the file holds.
        found: what the other run holds.
        relative: how far apart these numbers are, 0 to 2; None where they are no numbers.
    """

    epoch: int
    file: str
    key: str
    stored: Any
    found: Any
    relative: float | None = None


def value_differences(
    epoch: int, file: str, stored: Any, found: Any, key: str = ""
) -> Iterator[Difference]:
    """Yield where two JSON values differ, times aside; what is missing counts as null.

    What the stored value lacks since an earlier version did not record it makes no difference.
    """
    if isinstance(stored, dict) and isinstance(found, dict):
        for name in dict.fromkeys((*found, *stored)):
            if name not in TIMES and (name in stored or name not in NEWER):
                place = f"{key}.{name}" if key else name
                yield from value_differences(epoch, file, stored.get(name), found.get(name), place)
    elif isinstance(stored, list) and isinstance(found, list):
        for number, pair in enumerate(zip_longest(stored, found)):
            yield from value_differences(epoch, file, *pair, f"{key}[{number}]")
    elif stored != found:
        yield Difference(epoch, file, key, stored, found, _relative_numbers(stored, found))


def config_differences(epoch: int, file: str, stored: Config, found: Config) -> list[Difference]:
    """Return the settings that differ, except for those with which a run may go on."""

    def settings(config: Config) -> dict[str, Any]:
        return {
            f"{section}.{field.name}": getattr(getattr(config, section), field.name)
            for section in SECTIONS
            for field in dataclasses.fields(getattr(config, section))
        } | {f"weights.{name}": row for name, row in config.weights.items()}

    one, other = settings(stored), settings(found)
    one["model.layers"], other["model.layers"] = (
        [spec.text for spec in config.model.layers] for config in (stored, found)
    )
    keys = [key for key in dict.fromkeys((*other, *one)) if key not in CHANGE_LATER]
    return [
        Difference(epoch, file, key, one.get(key), other.get(key))
        for key in keys
        if one.get(key) != other.get(key)
    ]


def checkpoint_differences(stored: Checkpoint, found: Checkpoint) -> list[Difference]:
    """Return where two checkpoints differ: settings, progress, then every array by its bits."""
    file, progress = stored.path.name, stored.record["progress"]
    epoch = progress["epoch"] + (progress["batch"] > 0)
    differences = config_differences(epoch, file, stored.config(), found.config())
    differences += value_differences(epoch, file, _comparable(stored), _comparable(found))
    for name in dict.fromkeys((*found.arrays, *stored.arrays)):
        arrays = stored.arrays.get(name), found.arrays.get(name)
        differences += array_differences(epoch, file, name, *arrays)
    return differences


def _comparable(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the record without the config, and its progress without the ends of the run."""
    record = {key: value for key, value in checkpoint.record.items() if key != "config"}
    progress = record["progress"].items()
    return record | {"progress": {key: value for key, value in progress if key not in ENDS}}


def array_differences(
    epoch: int, file: str, name: str, stored: NDArray[Any] | None, found: NDArray[Any] | None
) -> list[Difference]:
    """Return the first element of an array that differs, and how far apart the whole arrays are."""
    kind, other_kind = _kind(stored), _kind(found)
    if stored is None or found is None or kind != other_kind:
        return [Difference(epoch, file, name, kind, other_kind)]
    differs = _bits(stored) != _bits(found)
    if not differs.any():
        return []
    place = np.unravel_index(int(differs.any(axis=1).argmax()), stored.shape)
    key = f"{name}[{', '.join(map(str, map(int, place)))}]"
    one, other = stored.astype(np.float64), found.astype(np.float64)
    with np.errstate(all="ignore"):  # a stranger's numbers may be infinite or NaN
        length = max(np.linalg.norm(one), np.linalg.norm(other))
        relative = float(np.linalg.norm(one - other) / length) if length else 0.0
    values = stored[place].item(), found[place].item()
    return [Difference(epoch, file, key, *values, _if_finite(relative))]


def _kind(array: NDArray[Any] | None) -> str | None:
    """Return element type and shape."""
    return None if array is None else f"{array.dtype} {array.shape}"


def _bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the bytes of each element, one row per element in row order."""
    return np.frombuffer(array.tobytes(), dtype=np.uint8).reshape(-1, array.dtype.itemsize)


def _relative_numbers(stored: Any, found: Any) -> float | None:
    """Return how far apart two numbers are, as a part of the larger; None if that is unknown."""
    numbers = [value for value in (stored, found) if type(value) in (int, float)]
    if len(numbers) < 2:
        return None
    try:
        return _if_finite(float(abs(stored - found) / max(abs(stored), abs(found))))
    except ArithmeticError:  # JSON may hold numbers of hundreds of digits
        return None


def _if_finite(relative: float) -> float | None:
    """Return the number, or None where it is infinite or NaN."""
    return relative if math.isfinite(relative) else None
