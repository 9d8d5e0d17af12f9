"""Find a config by its path, or by the name of a preset or a worked example."""

from itertools import takewhile
from pathlib import Path

from bpnet.config.values import nearest
from bpnet.disk import DIRECTORY, FILE, NOTHING, what_is_at
from bpnet.errors import ConfigError

PACKAGE = Path(__file__).parent.parent
FOLDERS = (PACKAGE / "configs", PACKAGE.parent / "configs")  # of a wheel, and of a checkout
EXAMPLES = "examples"


def preset_paths() -> dict[str, Path]:
    """Return the files of all presets by name."""
    return _paths()


def example_paths() -> dict[str, Path]:
    """Return the files of all worked examples by name."""
    return _paths(EXAMPLES)


def _paths(*folder_names: str) -> dict[str, Path]:
    """Return the configs of a folder, or of its subfolder, by their stems."""
    folder = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
    stems = {path.stem: path for path in folder.joinpath(*folder_names).glob("*.ini")}
    return dict(sorted(stems.items()))


def describe(path: Path) -> str:
    """Return the first line of a preset's or example's opening comment."""
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip(";# ")


def opening_comment(text: str) -> list[str]:
    """Return the lines of the comment at the top of a config, without their marks."""
    opening = takewhile(lambda line: line.startswith((";", "#")), text.splitlines())
    return [line[1:].removeprefix(" ").rstrip() for line in opening]


def find_config(name: str) -> Path:
    """Return the file of that path, or of the preset or worked example of that name.

    Raises:
        ConfigError: there is none.
    """
    path = Path(name)
    found = what_is_at(path)
    if found == FILE:
        return path
    presets, examples = preset_paths(), example_paths()
    known = examples | presets
    if name in known:
        return known[name]
    if found != NOTHING:
        raise ConfigError(
            "this is not a config" if found == DIRECTORY else "there is no such config",
            where=name,
            expected="the path of a file, a preset or a worked example",
            found=found,
            hint="choose one from the list of",
            command=("presets",),
        )
    near = nearest(path.stem, known)
    raise ConfigError(
        "there is no such config",
        where=name,
        expected=f"a file, one of the presets {', '.join(presets)}, "
        f"or one of the examples {', '.join(examples)}",
        found="none of these",
        hint=f"did you mean {near}?" if near else None,
    )
