"""Note beside a run that it ended for good before its last epoch, for those who list runs."""

import json
from pathlib import Path
from typing import NamedTuple

from bpnet.disk import NOTHING, reason, what_is_at
from bpnet.errors import CheckpointError
from bpnet.files import write_text
from bpnet.model.run_files import ENDING, read_object

DIVERGED, STOPPED = ENDINGS = ("diverged", "stopped")


class Ending(NamedTuple):
    """Hold how a run ended.

    Args:
        state: `DIVERGED`, or `STOPPED` where a sweep went on with others instead.
        why: in words.
    """

    state: str
    why: str


def write_ending(run_dir: Path, ending: Ending) -> None:
    """Note how a run ended; whoever goes on with it removes the note.

    Raises:
        CheckpointError: it cannot be written.
    """
    path = run_dir / ENDING
    try:
        write_text(path, json.dumps(ending._asdict()) + "\n")
    except OSError as error:
        what = "it cannot be noted how the run ended"
        raise CheckpointError(what, where=path, found=reason(error)) from error


def read_ending(run_dir: Path) -> Ending | None:
    """Return how a run ended; None if nothing is noted.

    Raises:
        CheckpointError: something else is in the place of the note.
    """
    path = run_dir / ENDING
    if what_is_at(path) == NOTHING:
        return None
    stored = read_object(path)
    state, why = stored.get("state"), stored.get("why")
    if state not in ENDINGS or not isinstance(why, str):
        raise CheckpointError(
            f"the run's {ENDING} cannot be read",
            where=path,
            expected=f"`state` ({' or '.join(ENDINGS)}) and `why`",
        )
    return Ending(state, why)
