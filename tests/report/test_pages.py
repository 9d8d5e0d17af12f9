"""Pages of an explanation: full ones first, none over a file that belongs to somebody else."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bpnet.data.reading.image import DigitPicture
from bpnet.errors import ConfigError, DataError
from bpnet.report.explain import draw_row
from bpnet.report.pages import ROWS, Pages, check_place


def row(value: int = 0) -> Image.Image:
    return Image.new("RGB", (30, 10), (value, value, value))


def sizes(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for path in folder.iterdir():
        with Image.open(path) as image:
            assert image.format == "PNG"
            found[path.name] = image.size
    return found


def test_rows_fill_page_after_page_in_order(tmp_path: Path) -> None:
    with Pages(tmp_path / "out.png") as pages:
        for number in range(2 * ROWS + 3):
            pages.add([row(number)])
        assert sorted(sizes(tmp_path)) == ["out-2.png", "out.png"]  # as soon as they are full
    full = (30, 10 * ROWS)
    assert sizes(tmp_path) == {"out.png": full, "out-2.png": full, "out-3.png": (30, 30)}
    with Image.open(tmp_path / "out-2.png") as image:
        assert image.getpixel((5, 5)) == (ROWS, ROWS, ROWS)


def test_an_interrupted_page_is_written_and_no_empty_one(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Pages(tmp_path / "out.png") as pages:
            pages.add([row()] * (ROWS + 1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sizes(tmp_path)["out-2.png"] == (30, 10)
    with Pages(tmp_path / "none.png"):
        pass
    assert not (tmp_path / "none.png").exists()


def test_further_pages_replace_earlier_ones_but_nothing_else(tmp_path: Path) -> None:
    for _ in range(2):
        with Pages(tmp_path / "out.png") as pages:
            pages.add([row()] * (ROWS + 1))
    row().save(tmp_path / "out-2.png")
    before = (tmp_path / "out-2.png").read_bytes()
    with pytest.raises(DataError, match="another file"), Pages(tmp_path / "out.png") as pages:
        pages.add([row()] * (ROWS + 1))
    assert (tmp_path / "out-2.png").read_bytes() == before


def test_pages_of_a_longer_drawing_do_not_stay(tmp_path: Path) -> None:
    def draw(rows: int) -> None:
        with Pages(tmp_path / "out.png") as pages:
            pages.add([row()] * rows)

    draw(4 * ROWS)
    row().save(tmp_path / "out-4.png")  # somebody else's
    draw(ROWS + 1)
    assert sorted(sizes(tmp_path)) == ["out-2.png", "out-4.png", "out.png"]


def test_a_place_is_refused_where_a_page_would_replace_a_picture(tmp_path: Path) -> None:
    pictures = [str(tmp_path / name) for name in ("a.png", "b-2.png", "c.png")]
    for name in pictures:
        row().save(name)
    check_place(tmp_path / "out.png", pictures)
    check_place(tmp_path / "c-2.png", pictures)
    for name in ("a.png", "b.png", "out.jpg", "out"):
        with pytest.raises(ConfigError):
            check_place(tmp_path / "." / name, pictures)


@pytest.mark.parametrize("classes", [2, 10, 47])
def test_a_row_is_drawn_for_any_classes_names_and_pictures(classes: int) -> None:
    names = [f"class \x1b {number}" for number in range(classes)]
    ink = np.zeros((12, 300), dtype=np.float32)
    digit = DigitPicture(np.zeros((28, 28), np.uint8), np.ones((12, 300, 3), np.float32), ink)
    heading = ["/a/漢字\n.png", "7", "a warning " * 50]
    drawn = draw_row(digit, np.full(classes, 1 / classes, np.float32), names, heading)
    blank = draw_row(DigitPicture(None, digit.picture, ink), None, names, heading)
    assert drawn.size == blank.size
    assert drawn.tobytes() != blank.tobytes()
