"""Let messages end as they would on the command line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from bpnet.errors import BpnetError


@contextmanager
def whole_advice() -> Iterator[None]:
    """Put the command that mends an error into its message: a program shows no more than that."""
    try:
        yield
    except BpnetError as error:
        if error.command:
            command = shlex.join(("bpnet", *error.command))
            error.parts["try"] = f"{error.parts['try'] or ''} {command}".strip()
            error.command = ()
        raise
