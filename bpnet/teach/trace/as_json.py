"""Turn what was recorded into what JSON knows: objects, lists, numbers and null."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def as_json_values(value: Any) -> Any:
    """Return dataclasses, named tuples and mappings as dicts, arrays and tuples as lists.

    That holds at every depth. A number that is not finite becomes None, for JSON knows no NaN.
    """
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        names = [field.name for field in fields if field.metadata.get("json", True)]
        return {name: as_json_values(getattr(value, name)) for name in names}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return as_json_values(value._asdict())
    if isinstance(value, Mapping):
        return {name: as_json_values(item) for name, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return as_json_values(value.tolist())
    if isinstance(value, (list, tuple)):
        return [as_json_values(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
