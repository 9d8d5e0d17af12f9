"""Hold what a file of weights offers, before any of them is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bpnet.config.settings import Config
from bpnet.errors import CheckpointError
from bpnet.model.forms import Forms


@dataclass(frozen=True)
class Weights:
    """Offer arrays by their names.

    Args:
        path: of the file.
        forms: element type and shape of each array.
        read: returns an array, as long as the file is open.
        in_order: whether they stand in the order of the layers; otherwise their names must tell.
        record: what bpnet itself has written beside them; see `bpnet/export/metadata.py`.
        config: the network, where the file tells it in another way.
    """

    path: Path
    forms: Forms
    read: Callable[[str], NDArray[Any]] = field(repr=False)
    in_order: bool
    record: dict[str, Any] | None = None
    config: Config | None = None


def unreadable(
    path: Path, expected: str, found: object, hint: str | None = None
) -> CheckpointError:
    """Return the error that tells why a file gives no weights."""
    return CheckpointError(
        "the weights cannot be read", where=path, expected=expected, found=found, hint=hint
    )
