"""Hold what the parts of a derivation share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bpnet.config.settings import Config
from bpnet.teach.trace.latex.names import Names
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.worked.layer_step import LayerStep

MOST_WORKED = 4  # numbers of an array that are worked out one by one

Equation = list[str]  # equal sides, the first of them what the equation is about


@dataclass(frozen=True)
class DerivedStep:
    """Hold a step that is derived.

    Args:
        config: of the run.
        step: that was traced.
        layers: of it.
        names: of their outputs, errors and parameters.
    """

    config: Config
    step: StepTrace
    layers: Sequence[LayerStep]
    names: Names
