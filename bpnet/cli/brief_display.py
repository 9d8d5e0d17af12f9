"""Show the progress of one of several runs in a few lines."""

from typing import Any

from bpnet.cli.bars import RunDisplay

LINES = 10  # per run


class BriefDisplay(RunDisplay):
    """Write the progress of a run to standard error: about ten epochs and the last one.

    Args:
        epochs: epochs of the run.
        loss_name: what the training loss is called.
    """

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Close the bar, and write the epoch's line if it is one of those few."""
        every = max(1, self.epochs // LINES)
        if record["epoch"] % every == 0 or record["epoch"] == self.epochs:
            super().epoch_ended(record)
        else:
            self.close()
