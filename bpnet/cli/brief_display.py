"""Show how far one of several runs has come, in few lines."""

from typing import Any

from bpnet.cli.bars import RunDisplay

LINES = 10  # per run


class BriefDisplay(RunDisplay):
    """Write the progress of a run to standard error: about ten epochs of it, and the last.

    Args:
        epochs: epochs of the run.
    """

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Close the bar, and write the epoch's line where it is one of the few."""
        every = max(1, self.epochs // LINES)
        if record["epoch"] % every == 0 or record["epoch"] == self.epochs:
            super().epoch_ended(record)
        else:
            self.close()
