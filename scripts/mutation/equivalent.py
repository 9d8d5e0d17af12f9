"""The mutants that change no result, each with the reason."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """Hold one entry of the list: file, line, the changed line, and why nothing changes."""

    file: str
    line: str
    changed: str
    reason: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what names the mutant even when lines move."""
        return self.file, self.line, self.changed


def equivalent_mutants() -> list[Equivalent]:
    """Return all entries."""
    content = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return [Equivalent(**entry) for entry in content.get("mutant", [])]
