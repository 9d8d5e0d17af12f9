"""Choose what to write by the name it gets, and put it there in one step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpnet.disk import DIRECTORY, NOTHING, reason, remedy, what_is_at
from bpnet.errors import ConfigError, DataError, some
from bpnet.files import atomic_write, demand_place
from bpnet.model.model import Model
from bpnet.packages import demand_packages

ONNX, SAFETENSORS, TEXTBOOK, WEB = "onnx", "safetensors", "textbook", "web"
SUFFIXES = {".onnx": ONNX, ".safetensors": SAFETENSORS, ".json": TEXTBOOK, "": WEB}
NEEDED = {ONNX: ("onnx",), SAFETENSORS: ("safetensors",)}  # packages
INSTEAD = {
    ".npz": "a checkpoint is a .npz file already: copy it",
    **dict.fromkeys((".pt", ".pth", ".bin"), "choose .safetensors, which PyTorch loads"),
    **dict.fromkeys((".h5", ".keras", ".tflite", ".pb"), "choose .onnx, which others convert"),
    **dict.fromkeys((".html", ".htm"), "name a folder, or write one page with `bpnet draw -o`"),
}


@dataclass(frozen=True)
class Export:
    """Hold an export that is ready to be written.

    Args:
        format: `onnx`, `safetensors`, `textbook` or `web`.
        path: of the file, or of the folder of a web page.
        files: the content of each file by its path, in the order in which they are written.
        warnings: what is not as in the checkpoint.
    """

    format: str
    path: Path
    files: dict[Path, bytes]
    warnings: list[str]

    def write(self) -> None:
        """Write all files, each in one step and in place of one of that name.

        Raises:
            DataError: one of them cannot be written.
        """
        try:
            if self.format == WEB:
                self.path.mkdir(exist_ok=True)
            for path, content in self.files.items():
                with atomic_write(path) as file:
                    file.write(content)
        except OSError as error:
            raise DataError(
                "the export cannot be written",
                where=self.path,
                found=reason(error),
                hint=remedy(error, "choose another place with -o"),
            ) from error


def format_at(path: Path) -> str:
    """Return the format of an export, after making sure that it can be written there.

    Raises:
        ConfigError: no format goes by this name, or a package is missing.
        DataError: nothing can be there, or other files are.
    """
    found, suffix = what_is_at(path), path.suffix.lower()
    kind = WEB if found == DIRECTORY else SUFFIXES.get(suffix)
    if kind is None or str(path) == "-":  # by which others mean standard output
        raise ConfigError(
            "no format goes by this name",
            where="-o",
            expected="a name that ends in .onnx, .safetensors or .json, or a folder's",
            found=path,
            hint=INSTEAD.get(suffix),
        )
    demand_packages("the export", "bpnet export", *NEEDED.get(kind, ()))
    if found == DIRECTORY:
        _demand_own(path)
    elif kind == WEB and found != NOTHING:
        raise DataError("there can be no folder here", where=path, found=found)
    else:
        demand_place(path, "export")
    return kind


def _demand_own(folder: Path) -> None:
    """Make sure that a folder holds nothing but the files of an earlier export."""
    from bpnet.export.web_folder import NAMES

    try:
        others = sorted({path.name for path in folder.iterdir()} - set(NAMES))
    except OSError as error:
        raise DataError("the folder cannot be read", where=folder, found=reason(error)) from error
    if others:
        raise DataError(
            "the folder holds other files",
            where=folder,
            expected="a new or empty folder, or that of an earlier export",
            found=some(others),
            hint="choose another one with -o",
        )


def make_export(model: Model, path: Path, name: str) -> Export:
    """Return what is to be written in the format that a name stands for.

    Args:
        model: with finite weights.
        path: of the file, or of the folder of a web page.
        name: of the network, for people.

    Raises:
        ConfigError: the format cannot hold this network, none goes by this name, or a package is
            missing.
        DataError: nothing can be there, or other files are.
    """
    kind = format_at(path)
    warnings: list[str] = []
    if kind == ONNX:
        from bpnet.export.onnx.file import onnx_bytes

        if model.network.dtype != np.float32:
            warnings.append("the network computes in float64; an ONNX file computes in float32")
        return Export(kind, path, {path: onnx_bytes(model)}, warnings)
    if kind == SAFETENSORS:
        from bpnet.export.safetensors_file import safetensors_bytes

        return Export(kind, path, {path: safetensors_bytes(model, path.name)}, warnings)
    if kind == TEXTBOOK:
        from bpnet.export.textbook_json import textbook_json

        return Export(kind, path, {path: textbook_json(model)}, warnings)
    from bpnet.export.web_folder import web_files

    texts = web_files(model, name)
    return Export(kind, path, {path / own: text.encode() for own, text in texts.items()}, warnings)
