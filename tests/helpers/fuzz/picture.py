"""Pictures of many kinds, damaged at any place, and standard input that holds one or never ends."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from bpnet.data.reading.image import read_digit, read_digits
from tests.helpers.fuzz.choices import Choices, damaged
from tests.helpers.fuzz.command import run_command
from tests.helpers.fuzz.target import Target

KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (  # format, mode, options
    *(("PNG", "L", {}), ("PNG", "RGBA", {}), ("PNG", "P", {"transparency": 0}), ("PNG", "1", {})),
    *(("PNG", "I;16", {}), ("JPEG", "RGB", {}), ("JPEG", "CMYK", {}), ("GIF", "P", {})),
    *(
        ("BMP", "RGB", {}),
        ("TIFF", "L", {}),
        ("TIFF", "F", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ),
    *(("WEBP", "RGBA", {}), ("PPM", "L", {}), ("ICO", "RGBA", {}), ("TGA", "RGB", {})),
    *(("PCX", "L", {}), ("SGI", "RGB", {}), ("DDS", "RGBA", {}), ("JPEG2000", "RGB", {})),
)
SIDES = (0, 1, 28, 1000, 10_000, 65_535, 1 << 20, (1 << 31) - 1, (1 << 32) - 1)
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
FLOOD = 600_000_000  # bytes


@cache
def pictures() -> list[bytes]:
    """Return a small picture of each kind that this Pillow can write."""
    pixels = np.zeros((24, 20), dtype=np.uint8)
    pixels[4:20, 8:12] = 255
    Image.init()
    found = []
    for name, mode, options in KINDS:
        if name in Image.SAVE:
            stream = io.BytesIO()
            grey = Image.fromarray(pixels, "L")
            image = (
                Image.fromarray(pixels * np.uint16(257)) if mode == "I;16" else grey.convert(mode)
            )
            image.save(stream, name, **options)
            found.append(stream.getvalue())
    return found


@cache
def zeros() -> bytes:
    """Return what becomes 400 MB of zeros, as much as 100 megapixels with transparency."""
    packer = zlib.compressobj(1)
    blocks = [packer.compress(bytes(1 << 20)) for _ in range(400)]
    return b"".join([*blocks, packer.flush()])


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG file with its right checksum."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def large_png(choices: Choices) -> bytes:
    """Return a PNG file of any size whose pixels are all zero."""
    width, height = choices.pick(SIDES), choices.pick(SIDES)
    layout = bytes(
        [choices.pick((8, 1, 16, 3)), choices.pick((6, 0, 2, 3, 4)), 0, 0, choices.number(2)]
    )
    head = chunk(b"IHDR", struct.pack(">II", width, height) + layout)
    return PNG_MAGIC + head + chunk(b"IDAT", zeros()) + chunk(b"IEND", b"")


def mended(content: bytes) -> bytes:
    """Return a PNG file whose checksums are right, however damaged the rest is."""
    place, parts = len(PNG_MAGIC), [PNG_MAGIC]
    while place + 8 <= len(content):
        length = struct.unpack(">I", content[place : place + 4])[0]
        kind, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        parts.append(chunk(kind, body))
        place += 12 + length
    return b"".join(parts)


def picture(choices: Choices) -> bytes:
    """Return a picture file that may be anything."""
    match choices.number(256):
        case 255:
            return large_png(choices)
        case kind if kind >= 240:
            return choices.rest()
        case kind:
            content = damaged(choices.pick(pictures()), choices)
            return mended(content) if kind < 80 and content.startswith(PNG_MAGIC) else content


def prepare_picture(choices: Choices, folder: Path) -> Callable[[], object]:
    """Write a picture in which digits are then searched."""
    path = folder / "picture"
    find = choices.pick((read_digit, read_digits))
    path.write_bytes(picture(choices))
    return partial(find, path)


class Flood(io.RawIOBase):
    """Give the first bytes, then zeros for a long time."""

    def __init__(self, start: bytes) -> None:
        self.start = start
        self.left = FLOOD

    def readable(self) -> bool:
        """Return whether it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer."""
        count = min(len(buffer), self.left)
        content = self.start[:count] or bytes(count)
        self.start = self.start[count:]
        self.left -= len(content)
        buffer[: len(content)] = content
        return len(content)


def prepare_stdin(choices: Choices, folder: Path) -> Callable[[], None]:
    """Choose what `predict -` finds in standard input."""
    words = choices.pick((("-",), ("-", "--segment"), ("-", "-", "--json")))
    is_flood = choices.number(64) == 63
    content = picture(choices)
    stream = io.BufferedReader(cast(Any, Flood(content))) if is_flood else io.BytesIO(content)
    return partial(run_command, "predict", *words, stdin=stream)


def picture_seeds() -> list[bytes]:
    """Return choices that take each picture as it is, and a PNG of 100 megapixels."""
    whole = [bytes([0, 200, number]) for number in range(len(pictures()))]
    return [*whole, bytes([0, 255, 4, 4, 0, 0, 0])]


def stdin_seeds() -> list[bytes]:
    """Return choices that take each picture as it is, and one input without end."""
    whole = [bytes([number % 3, 0, 200, number]) for number in range(len(pictures()))]
    return [*whole, bytes([0, 63, 200, 0])]


PICTURE = Target("picture", frozenset({3}), prepare_picture, picture_seeds)
STDIN = Target("stdin", frozenset({3}), prepare_stdin, stdin_seeds)
