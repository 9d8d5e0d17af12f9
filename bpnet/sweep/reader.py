"""Read a sweep file strictly, with all its errors at once."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from bpnet.config.hints import hint_at
from bpnet.config.ini import Entry, Ini, Problem, read_ini
from bpnet.config.loading import read_text
from bpnet.config.other_names import setting_readers
from bpnet.config.presets import find_config
from bpnet.config.reader import raise_problems
from bpnet.config.setting import ValueReader
from bpnet.config.settings import SECTIONS as OF_CONFIGS
from bpnet.config.values import nearest
from bpnet.disk import FILE, what_is_at
from bpnet.errors import ConfigError, quoted, shorten
from bpnet.sweep.settings import ASHA, GRID, HALVING, Choices, Span, Sweep, SweepSettings

SECTIONS = ("sweep", "settings", "vary")
SPAN = re.compile(r"(\S+)\s+to\s+(\S+)(\s+log)?")
LAYERS, PATH = "model.layers", "data.path"
SEED, EPOCHS = "train.seed", "train.epochs"


def read_sweep(path: Path, base: Path | None = None) -> Sweep:
    """Read a sweep file.

    Args:
        path: of the file.
        base: the config to change, instead of the one that the file names.

    Raises:
        ConfigError: one for all problems together.
    """
    return SweepReader(path).read(read_text(path), base)


class SweepReader:
    """Turn the text of a sweep file into a `Sweep`.

    Args:
        path: where it was read; relative paths in it start there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []

    def read(self, text: str, base: Path | None) -> Sweep:
        """Return what a text says.

        Raises:
            ConfigError: something is wrong with it.
        """
        ini = read_ini(text)
        for problem in ini.problems:
            self._report(problem.line, problem.message)
        self._check_sections(ini)
        settings = self._settings(ini.sections.get("sweep", {}))
        readers = setting_readers()
        places: dict[str, str] = {}
        fixed, varied = {}, {}
        for key, entry in self._known(ini.sections.get("settings", {}), readers, places):
            fixed[key] = self._followed(key, entry.text)
        for key, entry in self._known(ini.sections.get("vary", {}), readers, places):
            if key in fixed:
                self._report(entry.line, f"[vary] {key} is in [settings], too: keep one of them")
            elif (values := self._values(key, entry, readers[key], settings)) is not None:
                varied[key] = values
        if settings.method != GRID and not ini.sections.get("vary"):
            line = ini.section_lines.get("vary", 1)
            message = f"[vary] is empty: method = {settings.method} draws from what it lists"
            self._report(line, message)
        if not settings.config and base is None and not self.problems:
            self._report(1, "[sweep] config is missing: name a preset, an example or a file")
        named = self._found(settings.config) if base is None else str(base)
        if base is None and settings.config:
            self._check_base(ini.sections["sweep"]["config"], named)
        raise_problems(str(self.path), self.problems)
        return Sweep(settings, fixed, varied, places, self.path, named)

    def _report(self, line: int, message: str) -> None:
        self.problems.append(f"{self.path}:{line}: {message}")

    def _check_sections(self, ini: Ini) -> None:
        for name, line in ini.section_lines.items():
            if name not in SECTIONS:
                near = nearest(name, SECTIONS)
                hint = f"did you mean [{near}]?" if near else f"known are {', '.join(SECTIONS)}"
                if name in OF_CONFIGS:
                    hint = (
                        "a config has it: name the config in [sweep], and write `section.key` here"
                    )
                self._report(line, f"[{shorten(name, 80)}] is unknown in a sweep; {hint}")

    def _settings(self, entries: dict[str, Entry]) -> SweepSettings:
        """Read the section `[sweep]`."""
        fields = {field.name: field for field in dataclasses.fields(SweepSettings)}
        values: dict[str, Any] = {}
        for key, entry in entries.items():
            if key not in fields:
                near = nearest(key, fields)
                hint = f"did you mean {near}?" if near else f"known are {', '.join(fields)}"
                self._report(entry.line, f"[sweep] {shorten(key, 80)} is unknown; {hint}")
                continue
            try:
                values[key] = fields[key].metadata["read"](entry.text)
            except ValueError as error:
                self._report(entry.line, f"[sweep] {key} expects {error}")
        return SweepSettings(**values)

    def _known(
        self,
        entries: dict[str, Entry],
        readers: dict[str, ValueReader[object]],
        places: dict[str, str],
    ) -> list[tuple[str, Entry]]:
        """Return the keys that are settings of a config, and note where they stand."""
        found = []
        for key, entry in entries.items():
            if key == SEED:
                self._report(entry.line, f"{SEED} is given by `seeds` in [sweep]")
            elif key not in readers:
                name = key.rpartition(".")[2]
                hint = f"{shorten(key, 80)} is no setting as `section.key`"
                problem = Problem(entry.line, f"{hint}; {hint_at(name, entry.text)}")
                self._report(problem.line, problem.message)
            else:
                places[key] = f"{self.path}:{entry.line}"
                found.append((key, entry))
        return found

    def _values(
        self, key: str, entry: Entry, reader: ValueReader[object], settings: SweepSettings
    ) -> Choices | Span | None:
        """Read what a varied setting may be; None where that is wrong."""
        if key == EPOCHS and settings.method in (HALVING, ASHA):
            self._report(entry.line, f"[vary] {EPOCHS}: halving compares runs of the same length")
            return None
        if span := SPAN.fullmatch(entry.text):
            return self._span(key, entry, reader, settings, span)
        is_list = len(entry.values) > 1 or key == LAYERS
        texts = entry.values if is_list else entry.text.split(",")
        values = [self._followed(key, text.strip()) for text in texts]
        if not any(values):
            self._report(entry.line, f"[vary] {key} expects values: a list, or a range")
            return None
        try:
            meant = [reader(text) for text in values]
        except ValueError as error:
            self._report(entry.line, f"[vary] {key} expects {error}")
            return None
        for place, value in enumerate(meant):
            if value in meant[:place]:  # 0.1 and 1e-1 are the same
                message = f"[vary] {key} holds {quoted(values[meant.index(value)])} twice"
                self._report(entry.line, message)
                return None
        return Choices(tuple(values))

    def _span(
        self,
        key: str,
        entry: Entry,
        reader: ValueReader[object],
        settings: SweepSettings,
        span: re.Match[str],
    ) -> Span | None:
        """Read a range such as `0.01 to 0.3 log`."""
        if settings.method == GRID:
            self._report(entry.line, f"[vary] {key}: a grid needs a list of values, not a range")
            return None
        if reader.type not in ("a number", "a whole number"):
            self._report(entry.line, f"[vary] {key} is no number: list its values")
            return None
        try:
            ends = [reader(span[1]), reader(span[2])]
        except ValueError as error:
            self._report(entry.line, f"[vary] {key} expects {error}")
            return None
        low, high = (float(end) for end in ends if isinstance(end, int | float))
        if low >= high or (span[3] and low <= 0):
            wanted = "a range that begins above 0" if span[3] and low <= 0 else "a range upwards"
            self._report(entry.line, f"[vary] {key} expects {wanted}, found {quoted(entry.text)}")
            return None
        return Span(low, high, bool(span[3]), reader.type == "a whole number")

    def _followed(self, key: str, text: str) -> str:
        """Return the value of a setting; a path begins at the sweep's folder."""
        return str((self.path.parent / text).absolute()) if key == PATH and text else text

    def _check_base(self, entry: Entry, name: str) -> None:
        """Report a base config that is not there."""
        try:
            find_config(name)
        except ConfigError as error:
            told = f"[sweep] config expects {error.parts['expected']}, found {quoted(entry.text)}"
            if hint := error.parts["try"]:
                command = f" `bpnet {' '.join(error.command)}`" if error.command else ""
                told += f"; {hint}{command}"
            self._report(entry.line, told)

    def _found(self, name: str) -> str:
        """Return the base config; the path of a file begins at the sweep's folder."""
        beside = self.path.parent / name
        return str(beside) if what_is_at(beside) == FILE else name
