"""Check that picture files of every kind are opened, and bad ones refused with a reason."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bpnet.data.reading.picture import LONGEST_SIDE, open_picture
from bpnet.errors import DataError


def png(width: int = 60, height: int = 40) -> bytes:
    file = BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def png_that_claims(width: int, height: int, *, grey: bool = False) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0 if grey else 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


def test_colours_lie_between_0_and_1_and_keep_their_place(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png())
    colours = open_picture(path)
    assert colours.shape == (40, 60, 3)
    assert colours.dtype == np.float32
    assert colours.min() >= 0
    assert colours.max() <= 1
    np.testing.assert_allclose(colours * 255, np.asarray(Image.open(path)), atol=1e-3)


def test_a_stream_gives_the_same_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png())
    np.testing.assert_array_equal(open_picture(path), open_picture(BytesIO(png())))


@pytest.mark.parametrize("size", [(3000, 1000), (500, 2000), (LONGEST_SIDE, 10)])
def test_large_pictures_are_reduced_and_keep_their_aspect(size: tuple[int, int]) -> None:
    height, width, _ = open_picture(BytesIO(png(*size))).shape
    assert max(height, width) <= LONGEST_SIDE
    assert height / width == pytest.approx(size[1] / size[0], rel=0.05)


BAD_CONTENT = {
    "empty": (b"", "empty"),
    "text": (b"no picture, just words\n" * 50, "not a picture"),
    "truncated": (png()[:1000], "damaged"),
    "only a header": (png_that_claims(50, 50), "damaged"),
    "huge": (png_that_claims(12_000, 12_000), "too large"),
    "a bomb": (png_that_claims(60_000, 60_000), "too large"),
    "a grey bomb": (png_that_claims(20_000, 20_000, grey=True), "too large"),
    "PostScript": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "PostScript",
    ),
}


@pytest.mark.parametrize("kind", BAD_CONTENT)
def test_bad_content_is_refused_by_name_and_reason(kind: str, tmp_path: Path) -> None:
    content, reason = BAD_CONTENT[kind]
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        open_picture(path)
    assert "bad.png" in str(caught.value)
    with pytest.raises(DataError, match="standard input"):
        open_picture(BytesIO(content))


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        open_picture(tmp_path / "missing.png")
    with pytest.raises(DataError, match="directory"):
        open_picture(tmp_path)


def test_a_damaged_picture_of_every_length_is_refused_or_read() -> None:
    content = png(20, 20)
    for length in range(1, len(content), 37):
        with pytest.raises(DataError):
            open_picture(BytesIO(content[:length]))
