"""Write rows of a drawing to pages: PNG files, each of which is full before the next begins."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bpnet.errors import ConfigError, DataError
from bpnet.files import atomic_write

ROWS = 20  # per page
SIGNATURE = "Software", "bpnet predict --explain"  # in every page: a later one may replace it


class Pages:
    """Collect rows, and write them whenever they fill a page; so few are in memory at a time.

    Use it as a context: leaving it writes the last page, even after Ctrl-C. Where nothing went
    wrong, it also removes the pages of an earlier drawing that would follow.

    Args:
        path: of the first page, `OUT.png`; further ones are called `OUT-2.png` and so on. Each is
            replaced in one step.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[Image.Image] = []
        self._written = 0

    def __enter__(self) -> Pages:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if self._rows:
            self._write()
        if kind is None and self._written:
            self._remove_earlier()

    def add(self, rows: Iterable[Image.Image]) -> None:
        """Add rows of one width below the others.

        Raises:
            DataError: a page cannot be written.
        """
        for row in rows:
            self._rows.append(row)
            if len(self._rows) == ROWS:
                self._write()

    def _page(self, number: int) -> Path:
        """Return the path of a page; the first one has number 1."""
        path = self._path
        return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")

    def _remove_earlier(self) -> None:
        """Remove what an earlier drawing has written behind the last page."""
        number = self._written + 1
        with suppress(OSError):  # such a page may stay: it is none of this drawing
            while is_page(self._page(number)):
                self._page(number).unlink()
                number += 1

    def _write(self) -> None:
        self._written += 1
        path = self._page(self._written)
        sheet = one_below_the_other(self._rows)
        self._rows.clear()
        signature = PngInfo()
        signature.add_text(*SIGNATURE)
        try:
            if self._written > 1:
                demand_free(path)
            with atomic_write(path) as file:
                sheet.save(file, format="PNG", pnginfo=signature)
        except OSError as error:
            raise DataError(
                "the explanation cannot be written",
                where=path,
                found=error.strerror or str(error),
                hint="choose another place with --explain",
            ) from error


def one_below_the_other(rows: list[Image.Image]) -> Image.Image:
    """Return rows of one width as one picture."""
    sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def is_page(path: Path) -> bool:
    """Return whether a file is a page of a drawing."""
    key, text = SIGNATURE
    with suppress(Exception), Image.open(path, formats=("PNG",)) as image:
        return bool(image.info.get(key) == text)
    return False


def demand_free(path: Path) -> None:
    """Make sure that nothing, or a page of an earlier drawing, is where a page belongs.

    Raises:
        DataError: another file is there, which nobody has asked to replace.
    """
    if not os.path.lexists(path) or is_page(path):
        return
    raise DataError(
        "a page of the explanation would replace another file",
        where=path,
        hint="move that file away, or choose another place with --explain",
    )


def check_place(path: Path, pictures: Iterable[str]) -> None:
    """Make sure that the first page is a PNG file, and that no page replaces a picture to read.

    Raises:
        ConfigError: it is not, or one does.
    """
    further = path.parent.glob(f"{glob.escape(path.stem)}-*")
    taken = {file_number(page) for page in (path, *further)} - {None}
    if path.suffix.lower() != ".png" or (
        taken and any(file_number(picture) in taken for picture in pictures)
    ):
        raise ConfigError(
            "this cannot be the file of the explanation",
            where="--explain",
            expected="a name that ends in .png and is not one of the pictures to read, "
            f"nor are {path.stem}-2{path.suffix} and so on",
            found=path,
        )


def file_number(path: str | Path) -> tuple[int, int] | None:
    """Return what is the same for all paths of one file; None where there is none."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
