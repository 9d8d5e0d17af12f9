"""IDX files: headers that lie, gzip bombs, any damage, and folders of files that do not match."""

import gzip
import struct
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from bpnet.data.files.idx import CODES, content_sha256, read_idx
from bpnet.data.files.names import STEMS
from bpnet.data.idx_folder import load_idx_folder
from tests.helpers.fuzz.choices import Choices, damaged
from tests.helpers.fuzz.target import Finding, Target
from tests.helpers.idx_files import ARRAYS, put

SIZES = (0, 1, 2, 3, 10, 30, 784, 1 << 16, 1 << 20, 550 << 20, 1 << 31, (1 << 32) - 1)
ZEROS = 1 << 20  # bytes in one member of a bomb
MEMBER = gzip.compress(bytes(ZEROS), mtime=0)


@cache
def good_files() -> list[bytes]:
    """Return the four files of a small data set."""
    with TemporaryDirectory() as folder:
        put(Path(folder), ARRAYS, suffix="")
        return [Path(folder, stem).read_bytes() for stem in STEMS]


def prepare(choices: Choices, folder: Path) -> Callable[[], None]:
    """Write four good files, and spoil one of them until it has been read."""
    for stem, good in zip(STEMS, good_files(), strict=True):
        if not (folder / stem).exists():
            (folder / stem).write_bytes(good)
    stem = choices.pick(STEMS)
    path, good = folder / stem, good_files()[STEMS.index(stem)]
    raw = content(good, choices)
    path.write_bytes(packed(raw, choices))

    def read() -> None:
        try:
            array = read_idx(path)
            if path.read_bytes() == raw and content_sha256(array) != sha256(raw).hexdigest():
                raise Finding("the array is not what the file holds")
            load_idx_folder(folder)
        finally:
            path.write_bytes(good)

    return read


def content(good: bytes, choices: Choices) -> bytes:
    """Return the content of an IDX file that may be anything."""
    match choices.number(4):
        case 0:
            return choices.rest()
        case 1:
            return header(choices) + choices.rest()
        case 2:
            return header(choices) + bytes(choices.number(1 << 16))
        case _:
            return damaged(good, choices)


def header(choices: Choices) -> bytes:
    """Return a header with sizes that may or may not fit what follows."""
    code, rank = choices.pick([*CODES.values(), 0, 7, 255]), choices.number(6)
    if rank == 5:
        rank = choices.number(256)
    sizes = [choices.pick(SIZES) for _ in range(rank)]
    return struct.pack(f">HBB{rank}I", 0, code, rank, *sizes)


def packed(content: bytes, choices: Choices) -> bytes:
    """Return the content raw, or gzipped in one of several ways, damaged or not."""
    match choices.number(5):
        case 0:
            return content
        case 1:
            return gzip.compress(content, compresslevel=1, mtime=0)
        case 2:
            return damaged(gzip.compress(content, compresslevel=1, mtime=0), choices)
        case 3:  # a bomb: the header, then zeros, in members of their own
            return gzip.compress(content[:64], mtime=0) + MEMBER * choices.number(600)
        case _:
            return damaged(gzip.compress(gzip.compress(content, mtime=0), mtime=0), choices)


def seeds() -> list[bytes]:
    """Return choices that lead to a whole file, to each kind of header, and to a bomb."""
    whole = b"\0\0\x08\x03\0\0\0\1\0\0\0\2\0\0\0\3abcdef"
    headers = [bytes([0, kind, code, 2, 2, 3]) + b"abcdef" for kind in (1, 2) for code in range(6)]
    bomb = bytes([0, 2, 0, 1, 9]) + bytes(4) + bytes([3]) + (599).to_bytes(4, "big")
    return [bytes([0, 3]), bytes([3, 3, 0, 1]), bytes([0, 0]) + whole, *headers, bomb]


IDX = Target("idx", frozenset({3}), prepare, seeds)
