"""Find a config by its path or by the name of a preset."""

from difflib import get_close_matches
from pathlib import Path

from bpnet.errors import ConfigError

PACKAGE = Path(__file__).parent
FOLDERS = (PACKAGE / "configs", PACKAGE.parent / "configs")  # of a wheel, and of a checkout


def preset_paths() -> dict[str, Path]:
    """Return the files of all presets by name."""
    folder = next((folder for folder in FOLDERS if folder.is_dir()), None)
    return {path.stem: path for path in sorted(folder.glob("*.ini"))} if folder else {}


def describe(path: Path) -> str:
    """Return the first line of a preset's opening comment."""
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip(";# ")


def find_config(name: str) -> Path:
    """Return the file of that path, or of the preset of that name.

    Raises:
        ConfigError: there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    presets = preset_paths()
    if name in presets:
        return presets[name]
    near = get_close_matches(path.stem, presets, n=1)
    raise ConfigError(
        "there is no such config",
        where=name,
        expected="a file, or one of the presets " + ", ".join(presets),
        found="a directory" if path.is_dir() else "neither",
        hint=f"did you mean {near[0]}?" if near else None,
    )
