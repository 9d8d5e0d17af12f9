"""Define the exceptions: one root, one subclass per exit code, and how their words are shown."""

from collections.abc import Sequence
from typing import Any

LONGEST_LINE = 1000  # characters of a message
MOST_LISTED = 20  # problems
MOST_NAMES = 12  # of classes, for example, in one line


def escaped(text: object) -> str:
    r"""Return a text in one line of visible characters; all others are written as `\x1b`.

    Names and values come from strangers: a class name could move the cursor, a file name could
    feign a line of its own. What cannot be printed is written as in a Python string: control
    characters, line breaks, marks that turn the direction of writing or show nothing, and the bytes
    of a file name that is no text. Escaping twice changes nothing.
    """
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in str(text)
    )


def shorten(text: str, most: int) -> str:
    """Return a text with its middle cut out where it is longer than `most` characters."""
    if len(text) <= most:
        return text
    kept = most - 1
    return f"{text[: kept - kept // 3]}…{text[len(text) - kept // 3 :]}"


def quoted(text: str) -> str:
    """Return what a user has written as it stands in a message: in quotes, and short."""
    return f'"{shorten(text, 80)}"'


def listed(problems: Sequence[str]) -> list[str]:
    """Return the first of many problems, and how many more there are."""
    more = len(problems) - MOST_LISTED
    return [*problems[:MOST_LISTED], *([f"and {more:,} more"] if more > 0 else [])]


def counted(number: int, thing: str, things: str) -> str:
    """Return a number with the word for what is counted, as in "1 class" and "2 classes"."""
    return f"{number:,} {thing if number == 1 else things}"


def some(names: Sequence[str]) -> str:
    """Return a few names, the last among them, with quotes around those that hold a comma."""
    shown = names if len(names) <= MOST_NAMES else [*names[: MOST_NAMES - 2], "…", names[-1]]
    return ", ".join(quoted(name) if "," in name else shorten(name, 80) for name in shown)


class BpnetError(Exception):
    """Report an expected failure to the person at the keyboard.

    Every part is shown in one line, whatever characters it holds; only `details`, and a `found`
    that is a list, have several.

    Args:
        what: one sentence that says what went wrong.
        details: what went wrong in particular, each in its own line.
        where: the file and line, the key or the address concerned.
        expected: what would have been right.
        found: what was there instead.
        hint: what the user can do about it.
        command: words after `bpnet` in a command that mends it, if there is one.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        details: Sequence[str] = (),
        where: object = None,
        expected: object = None,
        found: object = None,
        hint: str | None = None,
        command: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.details = details
        self.parts = {"where": where, "expected": expected, "found": found, "try": hint}
        self.command = command

    def __str__(self) -> str:
        """Return the whole message."""
        lines = [_line(self.what), *(f"  {_line(detail)}" for detail in self.details)]
        for name, part in self.parts.items():
            if isinstance(part, list):
                lines += [f"  {name}:", *(f"    {_line(line)}" for line in part)]
            elif part is not None:
                lines.append(f"  {name}: {_line(part)}")
        return "\n".join(lines)


def _line(text: object) -> str:
    """Return a text as a line of a message, which shows no more than can be read."""
    return escaped(shorten(str(text), LONGEST_LINE))


class BpnetWarning(UserWarning):
    """Warn a program of what a command would write to standard error."""


class CheckFailedError(BpnetError):
    """Report that a check the user asked for did not hold."""

    exit_code = 1


class ConfigError(BpnetError):
    """Report wrong usage or a wrong configuration."""

    exit_code = 2


class DataError(BpnetError):
    """Report data that are missing, damaged or unreadable."""

    exit_code = 3


class CheckpointError(BpnetError):
    """Report a checkpoint or run directory that cannot be read or written."""

    exit_code = 4


class DivergedError(BpnetError):
    """Report a loss or a weight that is no longer finite."""

    exit_code = 5


class AccuracyGateError(BpnetError):
    """Report an accuracy below the one that the user required."""

    exit_code = 6


class WorkerError(BpnetError):
    """Report a worker process that has ended, or does nothing, in the middle of a step."""

    exit_code = 1


class RankError(WorkerError):
    """Report that another rank of a run on several machines has failed.

    Args:
        exit_code: that of the rank, which becomes that of all.
    """

    def __init__(self, what: str, *, exit_code: int = 1, **parts: Any) -> None:
        super().__init__(what, **parts)
        self.exit_code = exit_code


class HungUpRunError(BpnetError):
    """Report that the closing of the terminal ended a run after its state was saved."""

    exit_code = 129


class InterruptedRunError(BpnetError):
    """Report that Ctrl-C ended a run after its state was saved."""

    exit_code = 130


class NoReaderError(BpnetError):
    """Report that nobody receives the results; the code is that of SIGPIPE, as a shell tells it."""

    exit_code = 141


class TerminatedRunError(BpnetError):
    """Report that SIGTERM ended a run after its state was saved."""

    exit_code = 143
