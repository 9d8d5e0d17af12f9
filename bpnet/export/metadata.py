"""Tell in a few texts what a network needs besides its weights, and read them back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bpnet import __version__
from bpnet.model.model import Model
from bpnet.model.record import LARGEST_TEXT, RecordError, check_record, check_size
from bpnet.training.saving import model_record

VERSION = "bpnet_version"
CONFIG = "config"  # an INI file; the other texts are JSON


def takes_pictures(model: Model) -> bool:
    """Return whether samples are grey pictures (height, width) of bytes, not rows of numbers."""
    shape = model.network.input_shape
    return len(shape) == 3 and shape[0] == 1 and model.config.data.dataset != "table"


def metadata(model: Model) -> dict[str, str]:
    """Return texts by name: the config, class names, normalisation and whatever else is needed."""
    texts = {key: json.dumps(value) for key, value in model_record(model).items()}
    return texts | {CONFIG: model_record(model)[CONFIG], VERSION: __version__}


def record_of(texts: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the record that such texts hold; None if bpnet has not written them.

    Raises:
        RecordError: a text is too long or damaged.
    """
    if VERSION not in texts or CONFIG not in texts:
        return None
    sizes = sum(len(text) for text in texts.values())
    if sizes > LARGEST_TEXT:
        raise RecordError("the metadata are too long", f"at most {LARGEST_TEXT}", f"{sizes}")
    record: dict[str, Any] = {CONFIG: texts[CONFIG]}
    for key in texts.keys() - {CONFIG, VERSION}:
        check_size(texts[key].encode(errors="replace"))
        try:
            record[key] = json.loads(texts[key])
        except (ValueError, RecursionError):
            raise RecordError("the metadata are damaged", "JSON", f"{key} is not") from None
    check_record(record)
    return record
