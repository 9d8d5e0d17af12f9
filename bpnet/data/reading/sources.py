"""Find the pictures that a user means: by files, folders, patterns, addresses or a dash."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from bpnet.data.files.address import without_secrets
from bpnet.data.reading.cost import MOST_BYTES
from bpnet.disk import DIRECTORY, NOTHING, reason, what_is_at
from bpnet.errors import DataError

STANDARD_INPUT = "-"
WEB = ("http://", "https://")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # longer than the letter of a drive
ALMOST = re.compile(r"(https?):/*(?=[^/])", re.IGNORECASE)  # a slash was lost
WILD = re.compile(r"[*?[]")
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
    *(".avif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".pcx", ".psd"),
    *(".sgi", ".qoi", ".xbm"),
)


@dataclass
class Found:
    """Hold what was found.

    Args:
        pictures: paths and addresses in the order given, a folder's by their names; an error stands
            for each word behind which there are none.
        left_out: how many files in folders are no pictures by their names, or links to folders.
    """

    pictures: list[str | DataError] = field(default_factory=list)
    left_out: int = 0


def find_pictures(words: Iterable[str]) -> Found:
    """Find the pictures that words name; none of them is opened.

    A word is the path of a file, or of a folder, which is searched to any depth, except through
    links; a pattern with
    `*`, `?` or `[…]`, unless there is a file of that name, in which `**` stands for folders to any
    depth; a web address; or `-` for standard input.
    """
    found = Found()
    for word in words:
        if (lost := ALMOST.match(word)) and not is_address(word) and not os.path.lexists(word):
            rest = without_secrets(f"//{word[lost.end() :]}")
            hint = f"did you mean {lost[1]}:{rest}?"
            where = f"{lost[0]}{rest[2:]}"
            found.pictures.append(DataError("there is no such picture", where=where, hint=hint))
        elif not word:
            hint = "a variable may be empty; the working directory is called `.`"
            found.pictures.append(DataError("a picture has an empty name", where='""', hint=hint))
        elif word == STANDARD_INPUT or is_address(word) or not _stands_for_several(word):
            found.pictures.append(word)
        elif what_is_at(Path(word)) == DIRECTORY:
            _search(word, found)
        else:
            _match(word, found)
    return found


def is_address(picture: str) -> bool:
    """Return whether a picture lies on a server, and not in a file."""
    return bool(ADDRESS.match(picture))


class Downloaded(BytesIO):
    """Hold a picture that a server delivered.

    Args:
        content: of the file.
        origin: its address, as messages may show it.
    """

    def __init__(self, content: bytes, origin: str) -> None:
        super().__init__(content)
        self.origin = origin


def download(address: str) -> Downloaded:
    """Fetch the picture at a web address, no larger than a file may be.

    Raises:
        DataError: it is no such address, or its server does not deliver.
    """
    origin = without_secrets(address)
    if not address.lower().startswith(WEB):
        raise DataError(
            "pictures are not fetched from this kind of address",
            where=origin,
            expected="an address that begins with http:// or https://",
            hint="for a file on this machine, give its path",
        )
    from bpnet.data.files.fetch import fetch  # what loads requests takes a tenth of a second

    return Downloaded(fetch(address, MOST_BYTES), origin)


def _stands_for_several(word: str) -> bool:
    """Return whether a word is a folder, or a pattern and not the name of a file."""
    found = what_is_at(Path(word))
    return found == DIRECTORY or (found == NOTHING and WILD.search(word) is not None)


def _search(folder: str, found: Found) -> None:
    """Add the pictures in a folder, then those in the ones below it."""
    before = len(found.pictures), found.left_out
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        folders: list[str] = []
        pictures: list[str] = []
        try:
            with os.scandir(place) as entries:
                for entry in entries:  # paths alone are kept: there may be millions
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif _is_picture(entry):
                        pictures.append(entry.path)
                    else:
                        found.left_out += 1
        except OSError as error:
            found.pictures.append(
                DataError("a folder cannot be read", where=place, found=reason(error))
            )
            continue
        found.pictures += sorted(pictures)
        waiting += sorted(folders, reverse=True)
    if len(found.pictures) == before[0]:
        others = found.left_out - before[1]
        found.pictures.append(
            DataError(
                "there is no picture in a folder",
                where=folder,
                expected="files with names such as `seven.png`, in it or in folders below",
                found=f"{others:,} other files" if others else "no files",
            )
        )


def _is_picture(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry, which is no folder, is called like a picture and leads to none."""
    is_named = entry.name.lower().endswith(SUFFIXES)
    return is_named and not (entry.is_symlink() and Path(entry).is_dir())


def _match(pattern: str, found: Found) -> None:
    """Add the files that match a pattern, and the pictures in the folders that do, each once."""
    parts = Path(pattern).parts
    fixed = next(place for place, part in enumerate(parts) if WILD.search(part))
    start = Path(*parts[:fixed])
    wild = str(Path(*parts[fixed:]))
    try:
        matches = sorted(
            str(path) for path in start.glob(wild) if not _is_hidden(path, start, wild)
        )
        why = "no file matches it"
    except (ValueError, OSError) as error:
        matches, why = [], str(error)
    if not matches:
        found.pictures.append(
            DataError(
                "a pattern names no picture",
                where=pattern,
                found=why,
                hint="`*` stands for any part of a name, `**/` for folders to any depth",
            )
        )
    inner = Found()
    for match in matches:
        if what_is_at(Path(match)) == DIRECTORY:
            _search(match, inner)
        else:
            inner.pictures.append(match)
    found.pictures += dict.fromkeys(inner.pictures)
    found.left_out += inner.left_out


def _is_hidden(path: Path, start: Path, wild: str) -> bool:
    """Return whether a shell would leave a match out, as its name begins with a dot."""
    asked = any(part.startswith(".") for part in Path(wild).parts)
    return not asked and any(part.startswith(".") for part in path.relative_to(start).parts)
