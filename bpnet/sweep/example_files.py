"""Find the examples of sweeps that come with bpnet."""

from pathlib import Path

FOLDER = Path(__file__).parent / "examples"


def example_sweeps() -> dict[str, Path]:
    """Return the files of all examples by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.ini"))}
