"""Show what decides between the trials of a sweep."""

from bpnet.library.figures import loss_text
from bpnet.sweep.settings import SweepSettings


class Goal:
    """Show values of the goal: accuracies in percent, losses as they are.

    Args:
        settings: of the sweep.
    """

    def __init__(self, settings: SweepSettings) -> None:
        self.is_percent = settings.maximizes
        self.name = settings.goal.replace("_", " ")
        self.label = f"{self.name}, %" if self.is_percent else self.name
        self.factor = 100 if self.is_percent else 1

    def text(self, value: float | None) -> str:
        """Return a value without its unit."""
        if value is None:
            return "–"
        return f"{100 * value:.2f}" if self.is_percent else loss_text(value)

    def width(self, value: float | None) -> str:
        """Return a standard error or deviation, with a digit more than what it is of."""
        if value is None:
            return "–"
        return f"{100 * value:.3f}" if self.is_percent else f"{value:.5f}"
