"""Define the exceptions: one root, and one subclass per exit code."""


class BpnetError(Exception):
    """Report an expected failure to the person at the keyboard.

    Args:
        what: one sentence that says what went wrong.
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
        where: object = None,
        expected: object = None,
        found: object = None,
        hint: str | None = None,
        command: tuple[str, ...] = (),
    ) -> None:
        self.what = what
        self.command = command
        details = {"where": where, "expected": expected, "found": found, "try": hint}
        lines = [f"  {name}: {text}" for name, text in details.items() if text is not None]
        super().__init__("\n".join([what, *lines]))


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


class InterruptedRunError(BpnetError):
    """Report that Ctrl-C ended a run after its state was saved."""

    exit_code = 130


class TerminatedRunError(BpnetError):
    """Report that SIGTERM ended a run after its state was saved."""

    exit_code = 143
