import gzip
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.data.files.idx import content_sha256, read_idx, write_idx
from bpnet.errors import DataError
from tests.helpers.places import MNIST_FILES, needs_data

DTYPES = [np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]
SHAPES = [(), (0,), (5,), (3, 4), (2, 0, 3), (2, 3, 4), (1, 2, 1, 3, 2)]
IMAGES = struct.pack(">HBB3I", 0, 8, 3, 2, 2, 3) + bytes(range(12))


@pytest.fixture
def idx(tmp_path: Path) -> Path:
    return tmp_path / "file-idx"


def refused(path: Path, message: str, **limits: int) -> None:
    with pytest.raises(DataError, match=message) as raised:
        read_idx(path, **limits)
    assert str(path) in str(raised.value)
    assert raised.value.exit_code == 3


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_written_is_read_again(
    tmp_path: Path, dtype: type[Any], shape: tuple[int, ...], suffix: str
) -> None:
    values = np.random.default_rng(1).normal(scale=100, size=shape)
    array = np.asarray(values).astype(np.int64 if np.dtype(dtype).kind in "iu" else dtype)
    array = array.astype(dtype)
    path = tmp_path / f"file{suffix}"
    write_idx(path, array)
    found = read_idx(path)
    assert found.dtype == np.dtype(dtype)
    assert found.dtype.isnative
    assert found.shape == shape
    np.testing.assert_array_equal(found, array)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_bytes_on_disk_are_those_of_the_format(idx: Path) -> None:
    write_idx(idx, np.array([[1, -2, 256]], dtype=np.int16))
    assert idx.read_bytes() == bytes.fromhex("00000b02 00000001 00000003 0001 fffe 0100")


def test_strided_and_foreign_endian_arrays_are_written_right(idx: Path) -> None:
    array = np.arange(12, dtype=">i4").reshape(3, 4)[:, ::2]
    write_idx(idx, array)
    np.testing.assert_array_equal(read_idx(idx), [[0, 2], [4, 6], [8, 10]])


def test_the_same_array_gives_the_same_gzip_bytes(tmp_path: Path) -> None:
    for name in ("one.gz", "two.gz"):
        write_idx(tmp_path / name, np.arange(100, dtype=np.uint8))
    one, two = ((tmp_path / name).read_bytes() for name in ("one.gz", "two.gz"))
    assert one == two
    assert one[4:8] == bytes(4)  # no time
    assert b"one" not in one


def test_a_dtype_without_a_code_is_a_mistake_of_the_caller(idx: Path) -> None:
    with pytest.raises(ValueError, match="int64"):
        write_idx(idx, np.arange(3))
    assert not idx.exists()


def test_a_failed_write_keeps_the_old_file(idx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    idx.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match=r"(?s)No space left.*free some disk space"):
        write_idx(idx, np.arange(3, dtype=np.uint8))
    assert idx.read_bytes() == b"old"
    assert [entry.name for entry in idx.parent.iterdir()] == [idx.name]


def test_a_directory_that_cannot_be_written_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot write the file"):
        write_idx(tmp_path / "file" / "idx", np.arange(3, dtype=np.uint8))


def test_content_sha256_is_the_sum_of_the_raw_file(tmp_path: Path) -> None:
    import hashlib

    for dtype in DTYPES:
        for shape in SHAPES:
            array = np.ones(shape, dtype=dtype)
            write_idx(tmp_path / "raw", array)
            raw = (tmp_path / "raw").read_bytes()
            assert content_sha256(array) == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
class TestDamagedContent:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (IMAGES[:2], "not an IDX file"),
            (b"PK\3\4 a zip archive", "not an IDX file"),
            (b"\0\1" + IMAGES[2:], "not an IDX file"),
            (b"\0\0\7\3" + IMAGES[4:], r"(?s)element type is unknown.*0x07"),
            (b"\0\0\x08\xff" + bytes(4 * 255), "too many dimensions"),
            (IMAGES[:9], r"(?s)cut short.*16 bytes.*9 bytes"),
            (IMAGES[:-1], r"(?s)cut short.*12 bytes.*11 bytes"),
            (IMAGES[:16], r"(?s)cut short.*12 bytes.*0 bytes"),
            (IMAGES + b"\0", "too long"),
            (b"<!DOCTYPE html><html>404</html>", "web page"),
            (b"\xef\xbb\xbf\n <html>404</html>", "web page"),
        ],
    )
    def test_is_refused(self, idx: Path, pack: Any, content: bytes, message: str) -> None:
        idx.write_bytes(pack(content))
        refused(idx, message)

    @pytest.mark.parametrize("sizes", [(2**32 - 1,) * 3, (60000, 10000, 10000)])
    def test_absurd_sizes_are_refused_before_memory_is_taken(
        self, idx: Path, pack: Any, sizes: tuple[int, ...]
    ) -> None:
        idx.write_bytes(pack(struct.pack(">HBB3I", 0, 8, 3, *sizes) + bytes(100)))
        refused(idx, "declares too much data")

    def test_absurd_sizes_hidden_behind_a_zero_are_refused(self, idx: Path, pack: Any) -> None:
        idx.write_bytes(pack(struct.pack(">HBB3I", 0, 8, 3, 0, 2**32 - 1, 2**32 - 1)))
        refused(idx, "declares too much data")

    def test_the_limit_can_be_set(self, idx: Path, pack: Any) -> None:
        idx.write_bytes(pack(IMAGES))
        assert read_idx(idx, max_bytes=12).shape == (2, 2, 3)
        refused(idx, re.escape("at most 11 bytes"), max_bytes=11)


def test_gzip_is_known_by_content_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "raw.gz").write_bytes(IMAGES)
    (tmp_path / "packed").write_bytes(gzip.compress(IMAGES))
    np.testing.assert_array_equal(read_idx(tmp_path / "raw.gz"), read_idx(tmp_path / "packed"))


def test_a_damaged_gzip_file_is_refused(idx: Path) -> None:
    packed = gzip.compress(IMAGES)
    wrong_sum = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
    wrong_block = packed[:10] + b"\xff" + packed[11:]
    for content in (packed[:-9], packed[:5], packed + b"more", wrong_sum, wrong_block):
        idx.write_bytes(content)
        refused(idx, "gzip file is damaged or cut short")


def test_a_gzip_bomb_is_not_expanded(idx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 1 << 28
    idx.write_bytes(gzip.compress(IMAGES + bytes(size)))
    expanded = 0
    original = gzip.GzipFile.readinto

    def counting(self: gzip.GzipFile, buffer: Any) -> int:
        nonlocal expanded
        count = original(self, buffer)
        expanded += count
        return count

    monkeypatch.setattr(gzip.GzipFile, "readinto", counting)
    refused(idx, "too long")
    assert expanded == 12


def test_an_empty_file_a_directory_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.gz"
    empty.write_bytes(b"")
    refused(empty, "the file is empty")
    refused(tmp_path, "a directory")
    refused(tmp_path / "missing", r"(?s)No such file.*check the path")
    refused(empty / "below", "Not a directory")


@needs_data
def test_mnist_is_read_as_it_is() -> None:
    images = read_idx(MNIST_FILES / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(MNIST_FILES / "t10k-labels-idx1-ubyte.gz")
    assert images.shape == (10000, 28, 28)
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert images.mean() / 255 == pytest.approx(0.1325, abs=1e-4)


def test_a_large_gzipped_array_should_be_unpacked(idx: Path) -> None:
    idx.write_bytes(gzip.compress(IMAGES))
    with pytest.raises(DataError, match="too large to be unpacked") as caught:
        read_idx(idx, max_bytes=1)
    assert "gunzip" in str(caught.value)
