"""Files that `data import` reads: tables and arrays, whole, damaged, or of headers that lie."""

import gzip
import io
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from bpnet.data.importing.found import Wanted
from bpnet.data.importing.source import read_source
from tests.helpers.fuzz.choices import Choices, damaged
from tests.helpers.fuzz.target import Target
from tests.helpers.idx_files import ARRAYS

SIZES = (0, 1, 2, 10, 30, -1, 1 << 20, 1 << 31, 1 << 62)
TYPES = ("|u1", "<i8", "<f4", "<U3", "|O", "|V8", ">f8", "x")
NAMES = ("x_train", "y_train", "x_test", "y_test")


@cache
def good_files() -> dict[str, bytes]:
    """Return a file of each kind that holds a whole data set."""
    files = {}
    for name, save in (("a.npz", np.savez), ("b.npz", np.savez_compressed)):
        packed = io.BytesIO()
        save(packed, **dict(zip(NAMES, ARRAYS, strict=True)))  # type: ignore[arg-type]
        files[name] = packed.getvalue()
    lines = [[label, *image.ravel().tolist()] for image, label in zip(*ARRAYS[:2], strict=True)]
    table = "\n".join(",".join(map(str, line)) for line in lines).encode()
    header = ",".join(["label", *(f"pixel{n}" for n in range(20))]).encode()
    files |= {"a.csv": table, "b.csv": header + b"\n" + table, "c.csv.gz": gzip.compress(table)}
    return files | {"d.txt": table.replace(b",", b" "), "e.csv": table.replace(b",", b'";"')}


def prepare(choices: Choices, folder: Path) -> Callable[[], None]:
    """Write one file, which is removed once it has been read."""
    name = choices.pick(list(good_files()))
    content = good_files()[name]
    match choices.number(3):
        case 1:
            content = damaged(content, choices)
        case 2:
            name, content = (
                ("lies.npz", archive(choices)) if choices.number(2) else ("f.csv", choices.rest())
            )
    size = (5, 4) if choices.number(4) < 3 else None
    path = folder / name
    path.write_bytes(content)

    def read() -> None:
        try:
            read_source(path, Wanted(size), "mine", lambda done, total: None)
        finally:
            path.unlink()

    return read


def archive(choices: Choices) -> bytes:
    """Return an archive of arrays whose headers declare anything."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as arrays:
        for name in NAMES[: 1 + choices.number(4)]:
            shape = tuple(choices.pick(SIZES) for _ in range(choices.number(5)))
            header = repr(
                {
                    "descr": choices.pick(TYPES),
                    "fortran_order": bool(choices.number(2)),
                    "shape": shape,
                }
            )
            text = damaged(header.encode(), choices).ljust(117)[:117] + b"\n"
            content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
            arrays.writestr(f"{name}.npy", content + bytes(choices.number(1 << 22)))
    return packed.getvalue()


def seeds() -> list[bytes]:
    """Return choices that lead to each good file, and to archives that lie."""
    return [bytes([kind]) for kind in range(7)] + [
        bytes([0, 2, 1, 3, *range(kind, 30)]) for kind in range(9)
    ]


IMPORT = Target("import", frozenset({3}), prepare, seeds)
