"""Forge checkpoints as a stranger would: anything in them, under a right digest."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.model.checkpoint import load_checkpoint
from bpnet.training.saving import save_checkpoint

BLOCK = 1 << 20


def forge_record(source: Path, target: Path, **changes: Any) -> Path:
    """Copy a checkpoint with other values in its record; `progress__epoch` is one of progress."""
    checkpoint = load_checkpoint(source)
    record = checkpoint.record
    for key, value in changes.items():
        outer, _, inner = key.partition("__")
        if inner:
            record[outer][inner] = value
        else:
            record[outer] = value
    text = json.dumps(record)  # NaN and infinity as Python writes them
    return forge(target, arrays_of(source) | {"record": np.frombuffer(text.encode(), np.uint8)})


def save_unchecked(target: Path, record: Any, arrays: Mapping[str, Any]) -> Path:
    """Write a checkpoint with any record, as an earlier version or a stranger would."""
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    return forge(target, {**arrays, "record": text})


def arrays_of(source: Path) -> dict[str, Any]:
    """Return all arrays of a checkpoint but the digest."""
    with np.load(source) as file:
        return {name: file[name] for name in file.files if name != "sha256"}


def forge(target: Path, arrays: Mapping[str, Any], *, compressed: bool = False) -> Path:
    """Write arrays of any kind as a checkpoint whose digest is right."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name]).reshape(np.shape(arrays[name]))
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(array.tobytes())
    content = {**arrays, "sha256": np.frombuffer(digest.digest(), np.uint8)}
    (np.savez_compressed if compressed else np.savez)(target, **content)
    return target


def forge_record_text(source: Path, target: Path, text: bytes) -> Path:
    """Copy a checkpoint with another text, of any size, as its compressed record."""
    record = np.frombuffer(text, np.uint8)
    return forge(target, arrays_of(source) | {"record": record}, compressed=True)


def rewrite(source: Path, target: Path, members: Mapping[str, bytes | None]) -> Path:
    """Copy an archive with other bytes as some of its members, or without them."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            content = members.get(entry.filename, old.read(entry))
            if content is not None:
                new.writestr(entry.filename, content)
        for name in members.keys() - set(old.namelist()):
            content = members[name]
            assert content is not None
            new.writestr(name, content)
    return target


def write_zeros(
    source: Path, target: Path, name: str, shape: tuple[int, ...], dtype: str = "<f4"
) -> Path:
    """Copy a checkpoint with a compressed array of zeros under a name, never held in memory."""
    head = io.BytesIO()
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    form = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, form)
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for entry in old.infolist():
            if entry.filename != f"{name}.npy":
                new.writestr(entry.filename, old.read(entry))
        with new.open(f"{name}.npy", "w", force_zip64=True) as member:
            member.write(head.getvalue())
            for start in range(0, size, BLOCK):
                member.write(bytes(min(BLOCK, size - start)))
    return target


def rename_layers(source: Path, target: Path, layers: str) -> Path:
    """Copy a checkpoint whose config names other layers, without changing its arrays."""
    checkpoint = load_checkpoint(source)
    text = checkpoint.record["config"]
    before, after = text.index("layers ="), text.index("init =")
    config = f"{text[:before]}layers =\n{layers}\n{text[after:]}"
    save_checkpoint(target, checkpoint.record | {"config": config}, checkpoint.arrays)
    return target
