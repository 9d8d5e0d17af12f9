"""Tell in plain values what a network needs besides its weights, and read them back."""

from __future__ import annotations

from typing import Any

from bpnet.model.model import Model
from bpnet.model.record import RECORD, check_record, read_record
from bpnet.training.saving import model_record
from bpnet.version import __version__

KEY = "bpnet"  # under which files hold it
VERSION = "bpnet_version"


def takes_pictures(model: Model) -> bool:
    """Return whether samples are grey pictures (height, width) of bytes, not rows of numbers."""
    shape = model.network.input_shape
    return len(shape) == 3 and shape[0] == 1 and model.config.data.dataset != "table"


def metadata(model: Model) -> dict[str, Any]:
    """Return values of JSON by name: config, class names, normalisation, bpnet's version, …."""
    return model_record(model) | {VERSION: __version__}


def record_of(values: Any) -> dict[str, Any] | None:
    """Return the record of a model that such values, or their JSON text, hold; None without any.

    Raises:
        RecordError: they are too large or damaged.
    """
    if values is None:
        return None
    if isinstance(values, str):
        values = read_record(values.encode(errors="replace"))
    elif not isinstance(values, dict):
        return None
    record = {key: values[key] for key in RECORD if key in values and key != "progress"}
    check_record(record)
    return record
