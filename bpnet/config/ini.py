"""Read INI text and remember the line of everything, so that errors can name it.

The standard library's parser forgets line numbers, skips missing files and stops at the first
error; a person who mends a file wants all of its errors at once.
"""

import re
from dataclasses import dataclass, field

SECTION = re.compile(r"\[([^\]]*)\]$")
COMMENT = re.compile(r"(^|\s)[;#].*")


@dataclass
class Entry:
    """Hold the value of one key.

    Args:
        text: the value; continuation lines are joined by line breaks.
        line: line of the key, counted from 1; 0 if the value was not read from a file.
        lines: line of each line of the text.
    """

    text: str
    line: int
    lines: list[int] = field(default_factory=list)


@dataclass
class Problem:
    """Describe what is wrong in which line."""

    line: int
    message: str


@dataclass
class Ini:
    """Hold the sections of a file, each key's entry, and what could not be understood."""

    sections: dict[str, dict[str, Entry]]
    section_lines: dict[str, int]
    problems: list[Problem]


def read_ini(text: str) -> Ini:
    """Read sections, `key = value` lines and continuation lines, which are indented further.

    `;` and `#` begin a comment at the start of a line or after a blank. Keys keep their case;
    neither `%` nor any section name has a special meaning. A section or key that appears twice
    is a problem, as is any line that is neither.
    """
    ini = Ini({}, {}, [])
    section: dict[str, Entry] | None = None
    entry: Entry | None = None
    key_indent = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = COMMENT.sub("", raw).rstrip()
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if entry is not None and indent > key_indent:
            entry.text += ("\n" if entry.text else "") + line.strip()
            entry.lines.append(number)
        elif match := SECTION.match(line.strip()):
            section, entry = _open_section(ini, match[1].strip(), number), None
        elif "=" in line:
            key, _, value = (part.strip() for part in line.partition("="))
            entry, key_indent = Entry(value, number, [number] if value else []), indent
            _add(ini, section, key, entry)
        else:
            message = f'expected "[section]" or "key = value", found "{line.strip()}"'
            ini.problems.append(Problem(number, message))
    return ini


def _open_section(ini: Ini, name: str, number: int) -> dict[str, Entry]:
    if name in ini.sections:
        first = ini.section_lines[name]
        ini.problems.append(Problem(number, f"[{name}] appears twice, first in line {first}"))
    ini.section_lines.setdefault(name, number)
    return ini.sections.setdefault(name, {})


def _add(ini: Ini, section: dict[str, Entry] | None, key: str, entry: Entry) -> None:
    if section is None:
        ini.problems.append(Problem(entry.line, f'"{key}" appears before the first [section]'))
    elif key in section:
        first = section[key].line
        ini.problems.append(Problem(entry.line, f'"{key}" appears twice, first in line {first}'))
    else:
        section[key] = entry
