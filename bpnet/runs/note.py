"""Keep what a user writes about a run in a file beside its checkpoints."""

from pathlib import Path

from bpnet.disk import NOTHING, reason, what_is_at
from bpnet.errors import CheckpointError, ConfigError
from bpnet.files import write_text
from bpnet.model.run_files import NOTE, read_text

LONGEST = 10_000  # characters


def check_note(text: str) -> str:
    """Return a note without blanks around it.

    Raises:
        ConfigError: it is too long, or holds characters that no file in UTF-8 does.
    """
    text = text.strip()
    if len(text) > LONGEST:
        found = f"{len(text):,}"
        raise ConfigError("the note is too long", expected=f"{LONGEST:,} characters", found=found)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError("the note cannot be written in UTF-8", found=error.reason) from error
    return text


def read_note(run_dir: Path) -> str | None:
    """Return the note of a run; None if it has none.

    Raises:
        CheckpointError: something that is no text is in its place.
    """
    if what_is_at(run_dir / NOTE) == NOTHING:
        return None
    return read_text(run_dir / NOTE).strip() or None


def write_note(run_dir: Path, text: str) -> None:
    """Replace the note of a run; an empty one removes it.

    Raises:
        CheckpointError: it cannot be written.
        ConfigError: it is no note.
    """
    path, text = run_dir / NOTE, check_note(text)
    try:
        if text:
            write_text(path, f"{text}\n")
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(
            "the note cannot be written", where=path, found=reason(error)
        ) from error
