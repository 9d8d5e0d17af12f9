"""Set the learning rate at each point of a run."""

import math
from collections.abc import Sequence

from bpnet.config.settings import ScheduleConfig

EXTENSION_START = 0.1  # an extended cosine or one_cycle begins at this fraction of the peak


class Schedule:
    """Give the learning rate of each step.

    | name | course, with u from 0 to 1 over the run |
    |---|---|
    | constant | the peak |
    | step | the peak times `step_factor` for every `step_epochs` epochs gone |
    | cosine | from the peak to `final` of it along `½ (1 + cos π u)` |
    | one_cycle | up from `start` over the fraction `rise` of the run, then a cosine to `final` |

    constant, step and cosine rise from `start` over the fraction `warmup` first. A run that was
    extended goes on along constant and step; a cosine and a one_cycle run one more cosine, from a
    tenth of the peak to zero, over each extension.

    Args:
        config: name and constants.
        peak: the learning rate of the config.
        steps_per_epoch: steps in one epoch.
        ends: epochs at which the run, and each of its extensions, ends.

    Source: cosine: Loshchilov and Hutter, 2017, equation 5; one_cycle: Smith, 2018.
    """

    def __init__(
        self, config: ScheduleConfig, peak: float, steps_per_epoch: int, ends: Sequence[int]
    ) -> None:
        self.config = config
        self.peak = peak
        self.steps_per_epoch = steps_per_epoch
        self.ends = [end * steps_per_epoch for end in ends]

    def rate(self, step: int) -> float:
        """Return η for the step of this number, from 0."""
        total = self.ends[0]
        if step < total or self.config.name in ("constant", "step"):
            return self.peak * self._fraction(step, total)
        begin, end = next(
            (begin, end)
            for begin, end in zip(self.ends, [*self.ends[1:], math.inf], strict=True)
            if step < end
        )
        return self.peak * EXTENSION_START * _cosine((step - begin) / max(end - begin, 1))

    def _fraction(self, step: int, total: int) -> float:
        """Return the rate as a fraction of the peak."""
        config = self.config
        rising = (config.rise if config.name == "one_cycle" else config.warmup) * total
        if step < rising:
            return config.start + (1 - config.start) * step / rising
        if config.name == "constant":
            return 1.0
        if config.name == "step":
            drops = step // (config.step_epochs * self.steps_per_epoch)
            return float(config.step_factor**drops)
        progress = (step - rising) / max(total - rising, 1)
        return config.final + (1 - config.final) * _cosine(progress)


def _cosine(progress: float) -> float:
    """Return `½ (1 + cos π u)`: 1 at the start and 0 at the end."""
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
