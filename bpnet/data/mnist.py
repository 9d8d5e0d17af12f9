"""Load MNIST and Fashion-MNIST, verify their checksums, and download what is missing."""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bpnet.background import Background
from bpnet.data.dataset import Dataset
from bpnet.data.files.catalogue import KNOWN, KnownDataset, KnownFile
from bpnet.data.files.directory import DataDirectory, data_directory
from bpnet.data.files.disk import disk_errors
from bpnet.data.files.idx import GZIP_MAGIC, content_sha256, read_idx
from bpnet.data.files.names import find_file, likely_files, spellings_of_all
from bpnet.data.files.remote import DownloadObserver, mirrors_in_order
from bpnet.data.idx_folder import as_dataset
from bpnet.disk import DIRECTORY, FILE, what_is_at
from bpnet.errors import DataError
from bpnet.files import atomic_write, remove_leftovers

LARGEST = 1 << 26  # bytes; the largest of the known files has 47 million


@dataclass(frozen=True)
class FileReport:
    """Describe the state of one file of a data set.

    Args:
        name: the file's usual name.
        path: where it is; None if it is missing.
        problem: why it cannot be used; None if it is good.
        shape: the shape of the array in it; None if it cannot be read.
        sha256: the checksum of its decompressed content; None if it cannot be read.
    """

    name: str
    path: Path | None
    problem: DataError | None
    shape: tuple[int, ...] | None = None
    sha256: str | None = None


def dataset_folder(known: KnownDataset, directory: DataDirectory) -> Path:
    """Return the folder in which the files of a known data set are, or should be put."""
    return directory.folder(known.name, spellings_of_all())


def load_mnist(
    name: str,
    data_dir: Path | None = None,
    *,
    mirror: str | None = None,
    progress: DownloadObserver | None = None,
) -> Dataset:
    """Load MNIST or Fashion-MNIST and verify its checksums; download what is missing.

    Args:
        name: `mnist` or `fashion_mnist`.
        data_dir: the directory that the user named, if any; files in it are never overwritten.
        mirror: the address of the folder to download from first.
        progress: follows the downloads.

    Returns:
        Pictures (samples, 28, 28) in uint8 and class numbers (samples,) in int64.

    Raises:
        DataError: a file is damaged in a directory that the user named, or cannot be obtained.
    """
    known = KNOWN[name]
    directory = data_directory(data_dir)
    folder = dataset_folder(known, directory)
    mirrors = mirrors_in_order(mirror, known.mirrors)
    progress = progress or DownloadObserver()
    arrays = _read_all(known, folder) or [
        _obtain(file, folder, mirrors, progress, replace=directory.is_own) for file in known.files
    ]
    return as_dataset(known.name, arrays, known.class_names)


def mnist_at_hand(name: str, data_dir: Path | None = None) -> Dataset | None:
    """Return MNIST or Fashion-MNIST if all of it is here, or None if it would be downloaded.

    Raises:
        DataError: a file is damaged in a directory that the user named.
    """
    known, is_own = KNOWN[name], data_directory(data_dir).is_own
    reports = inspect_files(known, data_dir)
    damage = next((report.problem for report in reports if report.path and report.problem), None)
    if damage and not is_own:
        raise damage
    return None if any(report.problem for report in reports) else load_mnist(name, data_dir)


def inspect_files(known: KnownDataset, data_dir: Path | None = None) -> list[FileReport]:
    """Check each file of a data set against its checksum, without any download."""
    directory = data_directory(data_dir)
    folder = dataset_folder(known, directory)
    reports = []
    for file in known.files:
        path = find_file(folder, file.stem)
        if path is None:
            reports.append(FileReport(file.stem, None, _missing(known, file, directory)))
            continue
        try:
            shape = _read_checked(path, file).shape
        except DataError as error:
            reports.append(FileReport(path.name, path, error))
        else:
            reports.append(FileReport(path.name, path, None, shape, file.content_sha256))
    return reports


def recognise(source: Path) -> str | None:
    """Return which known data set lies at a place, whole and undamaged; None if none does.

    Args:
        source: the folder with the files, one that holds it under the data set's name, or one of
            the files.
    """
    if what_is_at(source) == FILE and source.name not in spellings_of_all():
        return None  # what lies beside a file is not what the user named
    folder = DataDirectory(_folder_of(source).absolute(), is_own=False)
    if what_is_at(folder.path) != DIRECTORY:
        return None
    for name, known in KNOWN.items():
        place = dataset_folder(known, folder)
        is_whole = all(find_file(place, file.stem) for file in known.files)
        if is_whole and not any(report.problem for report in inspect_files(known, folder.path)):
            return name
    return None


def import_files(known: KnownDataset, source: Path, data_dir: Path | None = None) -> list[Path]:
    """Copy the four files of a data set from `source` to where bpnet looks for them.

    All of them are checked before the first is copied.

    Args:
        known: the data set.
        source: the folder with the files, or one that holds it under the data set's name.
        data_dir: the directory that the user named, if any; files in it are never overwritten.

    Returns:
        The paths of the files in their new place.

    Raises:
        DataError: a file is missing, is not the right one or cannot be copied.
    """
    directory = data_directory(data_dir)
    folder = dataset_folder(known, directory)
    source = _folder_of(source)
    if (found := what_is_at(source)) != DIRECTORY:
        raise DataError("there is no such directory to import from", where=source, found=found)
    reports = inspect_files(known, source)
    for report in reports:
        if report.problem:
            raise report.problem
    remove_leftovers(folder, spellings_of_all())
    return [
        _adopt(file, report.path, folder, replace=directory.is_own)
        for file, report in zip(known.files, reports, strict=True)
        if report.path is not None
    ]


def _folder_of(source: Path) -> Path:
    """Return the folder that a file is in, or the folder itself."""
    return source.parent if what_is_at(source) == FILE else source


def _read_all(known: KnownDataset, folder: Path) -> list[NDArray[Any]] | None:
    """Return the arrays of all files, read side by side; None where one is missing or damaged."""
    files = [(file, find_file(folder, file.stem)) for file in known.files]
    if any(path is None for _, path in files):
        return None
    reading = [Background(partial(_read_checked, path, file)) for file, path in files if path]
    try:
        return [array.result() for array in reading]
    except DataError:
        return None


def _obtain(
    file: KnownFile, folder: Path, mirrors: list[str], progress: DownloadObserver, *, replace: bool
) -> NDArray[Any]:
    """Return the array of a known file, downloaded if it is missing, or damaged and ours."""
    path = find_file(folder, file.stem)
    if path is not None:
        try:
            return _read_checked(path, file)
        except DataError:
            if not replace:
                raise
            progress.note(f"{path} is damaged: downloading it again")
    from bpnet.data.files.download import download  # takes a tenth of a second

    fetched = download(file.remote, folder, mirrors, replace=replace, progress=progress)
    if path is not None and path != fetched:
        with disk_errors("remove the damaged file", path):
            path.unlink(missing_ok=True)  # another process may have done the same
    return _read_checked(fetched, file)


def _read_checked(path: Path, file: KnownFile) -> NDArray[Any]:
    """Return the array in a file, once its decompressed content has the right checksum."""
    array = read_idx(path, max_bytes=LARGEST)
    found = content_sha256(array)
    if found != file.content_sha256:
        raise DataError(
            "the file does not hold what its name says",
            where=path,
            expected=f"SHA-256 {file.content_sha256} (of the decompressed content)",
            found=found,
            hint="move it away, and it is downloaded again; "
            "for data of your own use [data] dataset = idx",
        )
    return array


def _missing(known: KnownDataset, file: KnownFile, directory: DataDirectory) -> DataError:
    place = () if directory.is_own else ("--data-dir", str(directory.path))
    found: str | None = "no such directory yet"
    if directory.path.is_dir():
        names = likely_files(dataset_folder(known, directory), directory.path)[file.stem]
        found = f"perhaps {', '.join(names)}, which would have to be renamed" if names else None
    return DataError(
        f"a file of {known.name} is missing",
        where=directory.path,
        expected=f"{file.stem} or {file.remote.name}",
        found=found,
        hint="download it with",
        command=("data", "fetch", known.name, *place),
    )


def _adopt(file: KnownFile, source: Path, folder: Path, *, replace: bool) -> Path:
    """Copy a checked file into `folder` under its usual name, unless a good one is there."""
    present = find_file(folder, file.stem)
    if present is not None:
        try:
            _read_checked(present, file)
        except DataError:
            if not replace:
                raise
        else:
            return present
    with disk_errors("copy the file", folder), source.open("rb") as original:
        is_gzip = original.peek(2)[:2] == GZIP_MAGIC
        target = folder / (file.remote.name if is_gzip else file.stem)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as copy:
            shutil.copyfileobj(original, copy)
        if present is not None and present != target:
            present.unlink(missing_ok=True)
    return target
