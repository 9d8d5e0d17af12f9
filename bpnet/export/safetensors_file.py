"""Write a network's weights in the safetensors format, under the names that PyTorch gives them."""

from __future__ import annotations

import json

from bpnet.export.metadata import KEY, metadata
from bpnet.export.pytorch_modules import loading_code
from bpnet.export.state_dict import state_dict
from bpnet.model.model import Model


def safetensors_bytes(model: Model, file: str) -> bytes:
    """Return the content of a safetensors file.

    Args:
        model: whose weights are written, in their own element type.
        file: the file's name, for the lines of Python in its metadata that load it.
    """
    from safetensors.numpy import save

    values = metadata(model) | {"pytorch": loading_code(model, file)}
    content: bytes = save(state_dict(model.network), {KEY: json.dumps(values)})
    return content
