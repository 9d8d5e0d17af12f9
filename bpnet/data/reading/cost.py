"""Judge from what a picture file declares whether decoding it takes little memory and time.

A file of a few hundred bytes can declare a picture that takes gigabytes, or minutes.
"""

import struct
from typing import Any

from PIL import Image

MOST_BYTES = 128 << 20  # of a picture file
MOST_MEMORY = 430_000_000  # bytes for the file, the decoder and the picture
LONGEST_ROW = 30_000  # pixels a side: what decodes long rows takes more than the picture itself
MOST_SCANNED = 2_000_000_000  # pixels, over all scans of a JPEG
MOST_INTERPRETED = 4_000_000  # bytes, and pixels, for decoders that are written in Python
MOST_WAVELETS = 20_000_000  # bytes of a JPEG 2000, which decodes six megabytes a second
MOST_NOTES = 64 << 20  # bytes of a TIFF's tags, and
MOST_TAG_NUMBERS = 1_000_000  # numbers in them

FORMATS = (  # that are read: no program is started, no picture hides within another
    *("PNG", "JPEG", "GIF", "BMP", "DIB", "PPM", "TIFF", "WEBP", "JPEG2000"),
    *("TGA", "PCX", "PSD", "SGI", "QOI", "XBM"),
    "AVIF",  # last, as older versions of Pillow do not know it
)
NARROW = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # bytes of a pixel; else 4
BESIDES = {"WEBP": 16, "AVIF": 10, "JPEG2000": 16}  # that the decoder takes, as measured
JPEGS = ("JPEG", "MPO")  # an MPO is a JPEG file that more pictures follow
BITS_PER_SAMPLE, ORIENTATION, ROWS_PER_STRIP, TILE_WIDTH, TILE_LENGTH = 258, 274, 278, 322, 323
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
TEXT = (1, 2, 7)  # types of tags that stay bytes


def what_is_too_much(image: Image.Image, full: tuple[int, int], content: bytes) -> str | None:
    """Return what is too much about a picture that is open but not yet decoded, or None.

    Args:
        image: at the size at which it will be decoded.
        full: width and height that the file declares.
        content: of the file.
    """
    pixels = image.width * image.height
    shape = f"{full[0]}×{full[1]} pixels"
    if max(image.size) > LONGEST_ROW:
        return f"{shape}, more than {LONGEST_ROW:,} on a side"
    memory = len(content) + pixels * NARROW.get(image.mode, 4)
    memory += pixels * BESIDES.get(image.format or "", 0)
    decoders = [tile[0] for tile in getattr(image, "tile", ())]
    is_slow = max(len(content), pixels) > MOST_INTERPRETED and any(
        name in Image.DECODERS for name in decoders
    )
    if is_slow or (image.format == "JPEG2000" and len(content) > MOST_WAVELETS):
        return f"{shape} in {len(content):,} bytes of a kind that is slow to decode"
    if image.format in JPEGS:
        scans, kept = _jpeg_scans(image, full, content)
        if scans * full[0] * full[1] > MOST_SCANNED:
            return f"{shape} in {scans:,} scans"
        memory += kept
    if image.format == "TIFF":
        memory += _tiff_block(image)
    if memory > MOST_MEMORY:
        return f"{shape}, which take {memory / 1e6:,.0f} MB to decode"
    return None


def _jpeg_scans(image: Any, full: tuple[int, int], content: bytes) -> tuple[int, int]:
    """Return the number of scans, and the bytes that the decoder keeps between them."""
    start = image.fp.tell() if image.fp else 0  # where the first scan begins
    scans = 1 + content.count(b"\xff\xda", start)
    if scans == 1:
        return 1, 0
    samples = [across * down for _, across, down, *_ in image.layer]  # of each colour
    return scans, 2 * full[0] * full[1] * sum(samples) // max(1, *samples)


def _tiff_block(image: Any) -> int:
    """Return the bytes of one strip or tile, and of a second picture where it is turned."""
    tags = image.tag_v2
    width = tags.get(TILE_WIDTH, image.width)
    rows = tags.get(TILE_LENGTH)
    if rows is None:
        rows = min(tags.get(ROWS_PER_STRIP, image.height), image.height)
    bits = sum(tags.get(BITS_PER_SAMPLE, (1,)))
    turned = 4 * image.width * image.height if tags.get(ORIENTATION, 1) != 1 else 0
    return int(width * rows * bits) // 8 + turned


def tags_fit(tiff: bytes) -> bool:
    """Return whether the tags of a TIFF file, or of a camera's notes, take little memory.

    Each of them may point at the same bytes, which are copied for each.
    """
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2], "")
    if not order or len(tiff) < 16:
        return True
    is_big = struct.unpack_from(order + "H", tiff, 2)[0] == 43
    place, counter, entry = ("Q", "Q", "HHQ8x") if is_big else ("I", "H", "HHI4x")
    (start,) = struct.unpack_from(order + place, tiff, 8 if is_big else 4)
    first = start + struct.calcsize(order + counter)
    if first > len(tiff):
        return True
    (count,) = struct.unpack_from(order + counter, tiff, start)
    size = struct.calcsize(order + entry)
    entries = tiff[first : first + min(count, 1 << 16) * size]
    notes = numbers = 0
    for _, kind, values in struct.iter_unpack(
        order + entry, entries[: len(entries) // size * size]
    ):
        taken = values * SIZES.get(kind, 0)
        if taken <= len(tiff):  # else the decoder finds too few bytes, and leaves the tag out
            notes += taken
            numbers += 0 if kind in TEXT else values
    return notes <= MOST_NOTES and numbers <= MOST_TAG_NUMBERS
