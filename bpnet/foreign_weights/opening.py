"""Open a file of weights in whichever format it is, or say how to convert it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bpnet.disk import FILE, what_is_at
from bpnet.errors import CheckpointError, ConfigError
from bpnet.foreign_weights.weights import Weights

FROM_PYTORCH = (
    "in Python: import torch; from safetensors.torch import save_file; "
    'save_file(torch.load("{name}", weights_only=True), "{stem}.safetensors")'
)
FROM_KERAS = (
    "of dense layers, in Python: import keras, numpy; "
    'model = keras.models.load_model("{name}"); '
    'numpy.savez("{stem}.npz", *(w.T.copy() for w in model.get_weights()))'
)
FROM_ONNX = "import the weights from which the ONNX file was made, as .safetensors or .npz"
INSTEAD = {
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"), FROM_PYTORCH),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), FROM_KERAS),
    ".onnx": FROM_ONNX,
}


@contextmanager
def open_weights(path: Path) -> Iterator[Weights]:
    """Open a file of weights during the block.

    Raises:
        ConfigError: its name tells no format that is read, or a package is missing.
        CheckpointError: it is missing, damaged, or declares more than it may.
    """
    suffix = path.suffix.lower()
    if suffix in INSTEAD or suffix not in (".safetensors", ".npz", ".json"):
        hint = INSTEAD.get(suffix)
        raise ConfigError(
            "weights are not read from such a file",
            where=path,
            expected=".safetensors or .npz (names as in PyTorch's state_dict), or the textbook's "
            ".json",
            found=suffix or "a name without an end",
            hint=None if hint is None else hint.format(name=path.name, stem=path.stem),
        )
    if (found := what_is_at(path)) != FILE:
        raise CheckpointError("there are no weights here", where=path, found=found)
    if suffix == ".safetensors":
        from bpnet.foreign_weights.safetensors_file import open_safetensors as open_file
    elif suffix == ".npz":
        from bpnet.foreign_weights.npz_file import open_npz as open_file
    else:
        from bpnet.foreign_weights.textbook_file import open_textbook as open_file
    with open_file(path) as weights:
        yield weights
