"""Pictures that declare too much: refused before they are decoded, whatever decodes them."""

import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bpnet.data.reading.cost import MOST_BYTES, tags_fit
from bpnet.data.reading.picture import LONGEST_SIDE, open_picture, shrink
from bpnet.errors import DataError
from tests.helpers.tiny import process_environment


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(mode: str, width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(3)
    if mode in ("I;16", "I", "F"):
        values = rng.integers(0, 60_000, (height, width)).astype(
            {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        )
        return Image.fromarray(values)
    colours = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    return Image.fromarray(colours, "RGBA").convert(mode)


def png_of_zeros(width: int, height: int) -> bytes:
    """Return a small file with a large transparent picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(bytes(1 + 4 * width)) for _ in range(height))
    data = chunk(b"IDAT", rows + packer.flush())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(3001, 2003), (317, 5000), (4000, 7), (1, 999), (320, 320)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "1", "P", "LA", "CMYK"])
def test_strips_give_what_the_whole_picture_gives(mode: str, size: tuple[int, int]) -> None:
    image = noise(mode, *size)
    whole = (
        image.convert("RGBA").convert("RGBa")
        if image.has_transparency_data
        else image.convert("RGB")
    )
    whole.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    found = shrink(image)
    assert found.mode == whole.mode
    np.testing.assert_array_equal(np.asarray(found), np.asarray(whole))


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_numbers_of_any_range_become_greys_alike_in_every_strip(mode: str) -> None:
    image = noise(mode, 2000, 1500)
    greys = np.asarray(image, dtype=np.float32) * (255 / 65535)
    whole = Image.fromarray(np.uint8(greys)).convert("RGB")
    whole.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    np.testing.assert_array_equal(np.asarray(shrink(image)), np.asarray(whole))


PEAK = """
import re, sys
from pathlib import Path
from bpnet.data.reading.picture import open_picture
open_picture(Path(sys.argv[1]))
print(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measures as Linux does")
def test_a_large_transparent_picture_is_held_once(tmp_path: Path) -> None:
    megapixels = 40
    path = tmp_path / "large.png"
    path.write_bytes(png_of_zeros(8000, megapixels * 1_000_000 // 8000))
    done = subprocess.run(
        [sys.executable, "-c", PEAK, path],
        env=process_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert 4 * megapixels < int(done.stdout) / 1000 < 4 * megapixels + 110  # MB


class Endless(RawIOBase):
    """Stand for a stream that never ends, such as the output of `yes`."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "all of it is asked for"
        self.given += size
        return bytes(size)


def test_a_stream_without_end_is_read_up_to_the_limit() -> None:
    stream: Any = Endless()
    with pytest.raises(DataError, match="at most 128 MB"):
        open_picture(stream)
    assert stream.given == MOST_BYTES + 1


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    for path, kind in ((tmp_path / "fifo.png", "a named pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(DataError, match=kind):
            open_picture(path)


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="cannot be opened"):
        open_picture(Path(name))


@pytest.mark.parametrize(
    ("kind", "size", "options"),
    [
        ("WEBP", (16_000, 2_000), {"lossless": True, "method": 0}),
        ("JPEG2000", (5_500, 5_000), {"num_resolutions": 1}),
    ],
)
def test_a_picture_that_takes_too_much_memory_is_refused(
    kind: str, size: tuple[int, int], options: dict[str, Any]
) -> None:
    content = encoded(Image.new("L", size), kind, **options)
    with pytest.raises(DataError, match="too large") as caught:
        open_picture(BytesIO(content))
    assert f"{size[0]}×{size[1]} pixels, which take" in str(caught.value)


def test_a_large_photograph_is_read() -> None:
    photograph = encoded(Image.new("RGB", (12_000, 9_000), "white"), "JPEG", quality=30)
    assert open_picture(BytesIO(photograph)).shape == (240, 320, 3)  # 108 megapixels


def test_a_tiff_whose_tile_is_larger_than_the_picture_is_refused() -> None:
    tags = [(256, 64), (257, 64), (258, 8), (259, 5), (262, 1), (277, 1)]
    tags += [(322, 60_000), (323, 30_000), (324, 8), (325, 100)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    content = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(200)
    with pytest.raises(DataError, match="too large"):
        open_picture(BytesIO(content))


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    content = encoded(Image.new("L", (5_000, 5_000)), "JPEG", progressive=True, quality=20)
    start = content.rindex(b"\xff\xda")
    end = content.rindex(b"\xff\xd9")
    with pytest.raises(DataError, match="scans"):
        open_picture(BytesIO(content[:end] + content[start : start + 40] * 100 + content[end:]))


def test_a_decoder_written_in_python_gets_little_to_do() -> None:
    line = b" ".join([b"1"] * 3_000)
    content = b"P2 3000 3000 255\n" + b"\n".join([line] * 3_000)
    with pytest.raises(DataError, match="slow to decode"):
        open_picture(BytesIO(content))
    assert open_picture(BytesIO(b"P2 2 1 255\n0 255\n")).shape == (1, 2, 3)


def tiff_of_tags(count: int, kind: int, values: int, length: int) -> bytes:
    entries = b"".join(struct.pack("<HHII", 40_000 + n, kind, values, 8) for n in range(count))
    return (b"II*\0" + struct.pack("<IH", 8, count) + entries).ljust(length, b"\0")


def test_tags_that_all_point_at_the_same_bytes_are_refused() -> None:
    assert tags_fit(encoded(Image.new("L", (9, 9)), "TIFF"))
    assert tags_fit(tiff_of_tags(100, 7, 10_000, 20_000))
    for content in (
        tiff_of_tags(5_000, 7, 1_000_000, 1_100_000),  # copied, 5 GB
        tiff_of_tags(1, 3, 2_000_000, 5_000_000),  # unpacked into two million numbers
    ):
        assert not tags_fit(content)
        with pytest.raises(DataError, match="too large"):
            open_picture(BytesIO(content))


def test_no_picture_hides_in_another() -> None:
    icon = encoded(Image.new("RGB", (64, 64)), "ICO")
    with pytest.raises(DataError, match="not a picture"):
        open_picture(BytesIO(icon))


@pytest.mark.parametrize("size", [(30_001, 2), (2, 30_001)])
def test_a_picture_with_a_very_long_side_is_refused(size: tuple[int, int]) -> None:
    file = BytesIO()
    Image.new("L", size).save(file, "PNG")
    file.seek(0)
    with pytest.raises(DataError, match="more than 30,000 on a side"):
        open_picture(file)
