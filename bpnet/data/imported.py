"""Find the data sets that were imported: each is a folder of IDX files in the data directory."""

from pathlib import Path

from bpnet.config.values import DATASET_NAME, DATASETS, GIVEN, nearest
from bpnet.data.files.directory import data_directory
from bpnet.data.files.disk import disk_errors
from bpnet.data.files.names import STEMS, find_file
from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import ConfigError

ORIGIN_FILE = "origin.json"  # in a folder that an import made: where the data came from
SHEET_FILE = "contact_sheet.png"  # and what some of them look like


def imported_names(data_dir: Path | None) -> list[str]:
    """Return the names of the imported data sets in the data directory, sorted."""
    directory = data_directory(data_dir).path
    if what_is_at(directory) != DIRECTORY:
        return []
    with disk_errors("look into the directory", directory):
        names = [path.name for path in directory.iterdir() if is_name(path.name)]
    return sorted(name for name in names if find_file(directory / name, STEMS[0]))


def imported_folder(name: str, data_dir: Path | None) -> Path:
    """Return the folder of an imported data set.

    Raises:
        ConfigError: none of that name has been imported into the data directory.
    """
    folder = data_directory(data_dir).path / name
    if is_name(name) and what_is_at(folder) == DIRECTORY:
        return folder
    names = imported_names(data_dir)
    near = nearest(name, [*DATASETS, *names])
    found = what_is_at(Path(name))
    hint = "`bpnet data import SOURCE --name NAME` makes one of files that you have"
    if name in GIVEN:
        hint = "a Python program gave these samples; give them there, or name another data set"
    elif found == DIRECTORY:
        hint = "the folder of that name holds none of the four files; import it with"
    elif near:
        hint = f'did you mean "{near}"? Else {hint}'
    raise ConfigError(
        "there is no such data set",
        where=folder.parent,
        expected=f"{', '.join(DATASETS)}, or an imported one: {', '.join(names) or 'none so far'}",
        found=name,
        hint=hint,
        command=("data", "import", name) if found == DIRECTORY and name not in GIVEN else (),
    )


def is_name(name: str) -> bool:
    """Return whether an imported data set may have this name."""
    return DATASET_NAME.fullmatch(name) is not None and name not in (*DATASETS, *GIVEN)
