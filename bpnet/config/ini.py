"""Read INI text and remember the line of everything, so that errors can name it.

The standard library's parser forgets line numbers, skips missing files and stops at the first
error; a person who mends a file wants all of its errors at once.
"""

import re
from dataclasses import dataclass, field

from bpnet.errors import quoted, shorten

MOST_LINES = 200_000
MOST_KEYS = 5_000  # sections included
SECTION = re.compile(r"\[([^\]]*)\]$")
COMMENT = re.compile(r"(^|\s)[;#].*")


@dataclass
class Entry:
    """Hold the value of one key.

    Args:
        line: line of the key, counted from 1; 0 or less if the value was not read from a file.
        values: the lines of the value, continuation lines included.
        lines: line of each of them.
    """

    line: int
    values: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, value: str, line: int) -> None:
        """Add a line to the value, unless nothing stands in it."""
        if value:
            self.values.append(value)
            self.lines.append(line)

    @property
    def text(self) -> str:
        """Return the value; its lines are joined by line breaks."""
        return "\n".join(self.values)


@dataclass
class Problem:
    """Describe what is wrong in which line.

    Args:
        line: counted from 1.
        message: what is wrong.
        key: that is unknown or in the wrong place, if one is: the right one may be found.
        value: of that key.
    """

    line: int
    message: str
    key: str = ""
    value: str = ""


@dataclass
class Ini:
    """Hold the sections of a file, each key's entry, and what could not be understood.

    Args:
        sections: by name, the entries of their keys.
        section_lines: the first line of each.
        problems: what could not be understood.
    """

    sections: dict[str, dict[str, Entry]]
    section_lines: dict[str, int]
    problems: list[Problem]


def read_ini(text: str) -> Ini:
    """Read sections, `key = value` lines and continuation lines, which are indented further.

    `;` and `#` begin a comment at the start of a line or after a blank. Keys keep their case;
    neither `%` nor any section name has a special meaning. A section or key that appears twice
    is a problem, as is any line that is neither. What lies beyond the most lines or keys that a
    config may have is not read, which is a problem too.
    """
    ini = Ini({}, {}, [])
    section: dict[str, Entry] | None = None
    entry: Entry | None = None
    key_indent = 0
    names = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        if number > MOST_LINES or names > MOST_KEYS:
            message = f"a config has at most {MOST_LINES:,} lines and {MOST_KEYS:,} keys"
            ini.problems.append(Problem(number, f"{message}; the rest was not read"))
            break
        line = COMMENT.sub("", raw).rstrip()
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if entry is not None and indent > key_indent:
            entry.add(line.strip(), number)
        elif match := SECTION.match(line.strip()):
            section, entry = _open_section(ini, match[1].strip(), number), None
            names += 1
        elif "=" in line:
            key, _, value = (part.strip() for part in line.partition("="))
            entry, key_indent = Entry(number), indent
            entry.add(value, number)
            _add(ini, section, key, entry)
            names += 1
        else:
            message = f'expected "[section]" or "key = value", found {quoted(line.strip())}'
            ini.problems.append(Problem(number, message))
    return ini


def _open_section(ini: Ini, name: str, number: int) -> dict[str, Entry]:
    if name in ini.sections:
        first = ini.section_lines[name]
        ini.problems.append(
            Problem(number, f"[{shorten(name, 80)}] appears twice, first in line {first}")
        )
    ini.section_lines.setdefault(name, number)
    return ini.sections.setdefault(name, {})


def _add(ini: Ini, section: dict[str, Entry] | None, key: str, entry: Entry) -> None:
    if section is None:
        early = f"{quoted(key)} appears before the first [section]"
        ini.problems.append(Problem(entry.line, early, key, entry.text))
    elif key in section:
        first = section[key].line
        ini.problems.append(
            Problem(entry.line, f"{quoted(key)} appears twice, first in line {first}")
        )
    else:
        section[key] = entry
