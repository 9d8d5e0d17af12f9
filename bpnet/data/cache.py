"""List what bpnet keeps in the data directory, and remove it."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bpnet.config.values import DATASETS
from bpnet.data.classes import CLASSES_FILE
from bpnet.data.files.catalogue import KNOWN
from bpnet.data.files.directory import DataDirectory, data_directory
from bpnet.data.files.disk import disk_errors
from bpnet.data.files.names import STEMS, spellings_of_all
from bpnet.data.imported import ORIGIN_FILE, SHEET_FILE, imported_names
from bpnet.data.importing.store import UNFINISHED
from bpnet.data.mnist import dataset_folder
from bpnet.data.synthetic import SUMS, VERSION
from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import ConfigError
from bpnet.files import remove_leftovers
from bpnet.locks import Owner, host_name

DOWNLOADED, DRAWN, IMPORTED, LEFT = "downloaded", "drawn", "imported", "left over"
PAGE = "draw.html"  # which `bpnet draw` writes
ORIGIN_BYTES = 1 << 16


@dataclass(frozen=True)
class Kept:
    """Describe something that bpnet keeps.

    Args:
        name: of the data set.
        kind: `downloaded`, `drawn`, `imported`, `page` or `left over`: of an earlier version, or of
            a process that was killed.
        path: its folder.
        files: those of the folder's files that bpnet has written.
        source: where an import came from.
    """

    name: str
    kind: str
    path: Path
    files: tuple[Path, ...]
    source: str | None = None

    @property
    def bytes(self) -> int:
        """Return how much room the files take."""
        return sum(path.lstat().st_size for path in self.files)


def kept_in(data_dir: Path | None) -> list[Kept]:
    """Return all that bpnet keeps in its cache, or has made in the directory that a user named.

    What lies in such a directory and was not drawn or imported by bpnet is the user's own, and not
    listed.
    """
    directory = data_directory(data_dir)
    if what_is_at(directory.path) != DIRECTORY:
        return []
    with disk_errors("look into the directory", directory.path):
        return [
            *(_downloaded(directory) if directory.is_own else []),
            *(_page(directory.path) if directory.is_own else []),
            *_drawn(directory.path / "synthetic"),
            *_imported(directory.path, data_dir),
            *_unfinished(directory.path),
        ]


def chosen(kept: Sequence[Kept], names: Sequence[str], where: Path) -> list[Kept]:
    """Return what `data clean` removes: what these names mean, or all that can be had again.

    Raises:
        ConfigError: nothing of such a name is kept.
    """
    if not names:
        return [one for one in kept if one.kind != IMPORTED]
    known = {one.name for one in kept}
    for name in names:
        if name not in known | set(DATASETS):
            raise ConfigError(
                "bpnet keeps no data set of that name",
                where=where,
                expected=", ".join(sorted(known)) or "nothing is kept",
                found=name,
            )
    return [one for one in kept if one.name in names]


def remove(kept: Sequence[Kept]) -> None:
    """Remove files, and the folders that are empty then.

    Raises:
        DataError: the directory cannot be written.
    """
    for one in kept:
        with disk_errors("remove the files", one.path):
            for path in one.files:
                path.unlink(missing_ok=True)
        remove_leftovers(one.path)
        emptied = [one.path, *([one.path.parent] if one.path.parent.name == "synthetic" else [])]
        for folder in emptied:
            with suppress(OSError):  # what others have put there stays
                folder.rmdir()


def origin_of(folder: Path) -> str | None:
    """Return where an imported data set came from, if that is known."""
    try:
        with (folder / ORIGIN_FILE).open("rb") as file:
            origin = json.loads(file.read(ORIGIN_BYTES))
        return str(origin["source"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _downloaded(directory: DataDirectory) -> list[Kept]:
    names = spellings_of_all()
    names += [f"{name}.part" for name in names] + [f".{name}.lock" for name in names]
    folders = {name: dataset_folder(known, directory) for name, known in KNOWN.items()}
    return _listed(
        Kept(name, DOWNLOADED, folder, _files(folder, names)) for name, folder in folders.items()
    )


def _page(directory: Path) -> list[Kept]:
    """Return the page of the canvas."""
    files = _files(directory, (PAGE,))
    return [Kept("draw", "page", directory, files)] if files else []


def _drawn(synthetic: Path) -> list[Kept]:
    folders = sorted(synthetic.glob("v*-*-*-seed*")) if synthetic.is_dir() else []
    return _listed(
        Kept(
            "synthetic",
            DRAWN if folder.name.startswith(f"v{VERSION}-") else LEFT,
            folder,
            _files(folder, [*STEMS, SUMS]),
        )
        for folder in folders
    )


def _imported(directory: Path, data_dir: Path | None) -> list[Kept]:
    names = [*STEMS, CLASSES_FILE, ORIGIN_FILE, SHEET_FILE]
    folders = [directory / name for name in imported_names(data_dir)]
    return _listed(
        Kept(folder.name, IMPORTED, folder, _files(folder, names), origin_of(folder))
        for folder in folders
        if (folder / ORIGIN_FILE).is_file()
    )


def _unfinished(directory: Path) -> list[Kept]:
    names = [*STEMS, CLASSES_FILE, ORIGIN_FILE, SHEET_FILE]
    return _listed(
        Kept(folder.name, LEFT, folder, _files(folder, names))
        for folder in sorted(directory.glob(f"{UNFINISHED}*"))
        if not _is_written(folder)
    )


def _is_written(folder: Path) -> bool:
    """Return whether the process that writes an import, whose number ends its name, may run."""
    process = folder.name.rpartition("-")[2]
    return process.isdigit() and Owner(int(process), host_name()).may_be_running()


def _files(folder: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """Return the paths of those of the files that are there."""
    return tuple(folder / name for name in names if (folder / name).is_file())


def _listed(kept: Iterable[Kept]) -> list[Kept]:
    """Return what has any files; an unfinished folder may have none yet."""
    return [one for one in kept if one.files or one.kind == LEFT]
