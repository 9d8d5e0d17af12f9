"""Choose what of a trace is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpnet.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bpnet.teach.trace.step_trace import StepTrace

# in the order of a step
FORWARD, BACKWARD, UPDATE, PATHS = PARTS = ("forward", "backward", "update", "paths")
MOST_NAMED = 8  # weights in a message


@dataclass(frozen=True)
class Selection:
    """Hold what is shown of every step.

    Args:
        parts: of `PARTS`.
        weight: the only one whose paths are shown, such as `1.weight[2,1]`; None for all.
        has_formulas: whether formulas stand beside numbers.
    """

    parts: Collection[str] = PARTS
    weight: str | None = None
    has_formulas: bool = True


def select(
    steps: Sequence[StepTrace], parts: Collection[str], weight: str | None, *, is_brief: bool
) -> Selection:
    """Return what is to be shown of some steps.

    Args:
        steps: that were traced.
        parts: that are wanted; none for all, or for those that fit the rest.
        weight: whose paths are wanted, and no others; they are added to the parts.
        is_brief: whether values and gradients are wanted without formulas.

    Raises:
        ConfigError: no paths of that weight are listed.
    """
    if weight is not None:
        if steps[0].paths is None:
            raise ConfigError(
                "no paths are listed", where="--weight", found=steps[0].paths_obstacle
            )
        known = [element.element for found in (steps[0].paths or {}).values() for element in found]
        if weight not in known:
            few = known[:MOST_NAMED]
            names = " or ".join(filter(None, [", ".join(few[:-1]), few[-1]])) if few else "none"
            raise ConfigError(
                "no paths of such a weight are listed",
                where="--weight",
                expected=names + (", …" if len(known) > len(few) else ""),
                found=weight,
            )
    paths = (PATHS,) if weight else ()
    usual = (FORWARD, UPDATE) if is_brief else paths or PARTS
    return Selection((*(parts or usual), *paths), weight, not is_brief)
