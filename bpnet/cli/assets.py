"""Find what ships with the package."""

from pathlib import Path

ASSETS = Path(__file__).parent.parent / "assets"
WEIGHTS = ASSETS / "digits.npz"


def example_pictures() -> list[Path]:
    """Return the example pictures of digits."""
    return sorted(ASSETS.glob("*.jpg"))
