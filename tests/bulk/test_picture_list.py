"""Pictures in order: files and rows of arrays are numbered, divided, and known by their names."""

import os
from pathlib import Path

import numpy as np
import pytest

from bpnet.bulk.picture_list import FILES, Chunk, PictureList, Rows, arrays_among, open_once
from bpnet.data.files.idx import write_idx
from bpnet.errors import DataError

SMALL = 7  # rows in a chunk


def names_of(chunk: Chunk) -> list[str]:
    pictures = chunk.pictures
    if isinstance(pictures, Rows):
        return [pictures.name(row) for row in range(pictures.start, pictures.stop)]
    return [str(one) for one in pictures]


def listed(found: list[str | DataError]) -> PictureList:
    return PictureList(found, arrays_among(found), {(4, 4): SMALL})


def test_files_and_rows_have_each_a_number_and_a_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", np.zeros((3 * SMALL + 1, 4, 4), np.uint8))
    write_idx(Path("others.gz"), np.zeros((5, 8, 8), np.uint8))
    before, after = [f"{n}.png" for n in range(2 * FILES + 3)], ["https://x/last.png"]
    pictures = listed([*before, "rows.npy", "others.gz", *after])
    assert pictures.count == len(before) + 3 * SMALL + 1 + 5 + 1
    chunks = [pictures[number] for number in range(pictures.chunks)]
    assert [len(chunk) for chunk in chunks] == [FILES, FILES, 3, SMALL, SMALL, SMALL, 1, 5, 1]
    expected = [str(tmp_path / name) for name in before]
    expected += [f"{tmp_path / 'rows.npy'}[{row}]" for row in range(3 * SMALL + 1)]
    expected += [f"{tmp_path / 'others.gz'}[{row}]" for row in range(5)]
    assert [name for chunk in chunks for name in names_of(chunk)] == [*expected, *after]
    firsts = [chunk.first for chunk in chunks]
    for picture in range(pictures.count):
        number = pictures.chunk_of(picture)
        assert firsts[number] <= picture < firsts[number] + len(chunks[number])
    assert pictures.chunk_of(pictures.count) == pictures.chunks


def test_the_fingerprint_knows_names_order_and_shapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.zeros((2, 4, 4), np.uint8))
    np.save("b.npy", np.zeros((2, 4, 4), np.uint8))
    known = listed(["x.png", "a.npy"]).fingerprint()
    assert known == listed([str(tmp_path / "x.png"), str(tmp_path / "a.npy")]).fingerprint()
    others = [["a.npy", "x.png"], ["x.png"], ["y.png", "a.npy"], ["x.png", "b.npy"]]
    found = [listed(list(names)).fingerprint() for names in others]
    wider = PictureList(["x.png", "a.npy"], {1: (3, 4, 4)}, {}).fingerprint()
    assert len({known, wider, *found}) == 2 + len(others)


def test_a_picture_has_one_name_however_it_is_spelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.zeros((2, 4, 4), np.uint8))
    known = listed(["x..y.png", "a.npy"])
    spelled: list[str | DataError] = ["./x..y.png", f"{tmp_path}//below/../a.npy"]
    assert listed(spelled).fingerprint() == known.fingerprint()
    monkeypatch.chdir("below")
    below = listed(["../x..y.png", "../a.npy"])
    assert below.fingerprint() == known.fingerprint()
    assert names_of(below[0]) == [str(tmp_path / "x..y.png")]


@pytest.mark.skipif(os.name == "nt", reason="makes a symbolic link")
def test_behind_a_link_the_folder_above_is_that_of_its_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    monkeypatch.chdir(tmp_path)
    assert names_of(listed(["link/../x.png"])[0]) == [str(tmp_path / "far" / "x.png")]


def test_an_array_that_is_replaced_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((2, 4, 4), np.uint8))
    assert not open_once(str(path)).any()
    assert open_once(str(path)) is open_once(str(path))
    np.save(tmp_path / "b.npy", np.ones((2, 4, 4), np.uint8))
    (tmp_path / "b.npy").replace(path)
    assert open_once(str(path)).all()


def test_what_holds_no_grey_pictures_is_an_error_in_its_place(tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", np.zeros(9, np.uint8))
    np.save(tmp_path / "floats.npy", np.zeros((9, 4, 4), np.float32))
    (tmp_path / "damaged-idx3-ubyte").write_bytes(b"\0\0\x08\x03\0\0\0\x09")
    (tmp_path / "text.txt").write_text("no array", encoding="utf-8")
    (tmp_path / "text.gz").write_bytes(b"\x1f\x8bno array")
    names = ["labels.npy", "floats.npy", "damaged-idx3-ubyte", "text.txt", "text.gz", "nowhere"]
    found: list[str | DataError] = [str(tmp_path / name) for name in names]
    assert arrays_among(found) == {}
    errors, others = found[:3], found[3:]
    assert [str(error.parts["where"]) for error in errors if isinstance(error, DataError)] == [
        str(tmp_path / name) for name in names[:3]
    ]
    assert others == [str(tmp_path / name) for name in names[3:]]
