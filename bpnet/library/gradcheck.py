"""Check gradients from Python."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bpnet.config.data_settings import DataConfig
from bpnet.config.settings import Config
from bpnet.errors import ConfigError
from bpnet.library.advice import python_advice
from bpnet.library.html import text as html_text
from bpnet.library.network import Network
from bpnet.library.settings import Place, Settings, config_of, name_of
from bpnet.model.build import build_model
from bpnet.model.inputs import Normalization
from bpnet.teach.gradcheck.checker import Check
from bpnet.teach.gradcheck.gradcheck import Report, run_gradcheck
from bpnet.teach.gradcheck.report_text import text, verdict
from bpnet.teach.gradcheck.samples import SAMPLES
from bpnet.text_table import plain_lines

SECONDS = 0.1  # about as long are passes timed


@dataclass(frozen=True)
class CheckedGradient:
    """Hold what a check found of one gradient.

    Args:
        layer: such as `1.linear`; or the loss, a fast path, or the training step.
        parameter: such as `1.weight`, `input` or `outputs`.
        relative_error: between the slopes; None where every direction crosses a kink.
        analytic: the slope that the gradient says; None for a check element by element.
        numeric: the slope that central differences find; likewise.
        passed: whether they agree.
        verdict: `ok`, `WRONG`, `flat`, `alone` or `kink`.
    """

    layer: str
    parameter: str
    relative_error: float | None
    analytic: float | None
    numeric: float | None
    passed: bool
    verdict: str

    @classmethod
    def of(cls, check: Check) -> CheckedGradient:
        """Return what a check found."""
        slopes = check.comparison
        return cls(
            layer=check.gradient.layer,
            parameter=check.gradient.parameter,
            relative_error=check.relative_error,
            analytic=None if slopes is None else slopes.analytic,
            numeric=None if slopes is None else slopes.numeric,
            passed=check.passed,
            verdict=verdict(check),
        )


@dataclass(frozen=True, repr=False)
class GradientCheck:
    """Hold what a check of all gradients of a network found.

    Args:
        passed: whether all agree with central differences.
        checks: one per gradient: layers in forward order, loss, fast paths, training step.
        culprit: a wrong gradient that does not suffer from others; None where none is wrong.
        planted: the mistake that was planted; None where there was none.
        lines: the whole report, as `bpnet gradcheck` prints it.
    """

    passed: bool
    checks: Sequence[CheckedGradient]
    culprit: CheckedGradient | None
    planted: str | None
    lines: Sequence[str] = field(repr=False)

    @classmethod
    def of(cls, name: str, config: Config, report: Report) -> GradientCheck:
        """Return what a report says to a user."""
        return cls(
            passed=report.passed,
            checks=tuple(map(CheckedGradient.of, report.checks)),
            culprit=None if report.culprit is None else CheckedGradient.of(report.culprit),
            planted=None if report.mistake is None else report.mistake.text,
            lines=tuple(plain_lines(*text(name, config, report))),
        )

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return f"<pre>{'<br>'.join(map(html_text, self.lines))}</pre>"


def gradcheck(
    network: Network | Place | Settings,
    *,
    settings: Settings | None = None,
    sabotage: str | None = None,
    elements: bool = False,
) -> GradientCheck:
    """Check every gradient of a network against central differences, as `bpnet gradcheck` does.

    >>> bpnet.gradcheck("chain").passed
    True
    >>> bpnet.gradcheck("sigmoid", sabotage="4.sigmoid").culprit.layer
    '4.sigmoid'

    Args:
        network: one that was built here; or a preset, an example, a config file or settings.
        settings: that change those of a config.
        sabotage: a layer, or the loss, in which a known mistake is planted, to see it found.
        elements: check every element of every parameter as well.

    Raises:
        ConfigError: there is no such config, layer or mistake; or settings for a network that is
            built.
        DivergedError: the loss is not finite.
    """
    if isinstance(network, Network):
        if settings is not None:
            raise ConfigError("a network that is built has its settings", where="settings")
        config = config_to_check(network)
    else:
        config = config_of(network, settings)
    with python_advice():
        report = run_gradcheck(config, sabotage, elements=elements, seconds=SECONDS)
    return GradientCheck.of(name_of(network), config, report)


def config_to_check(network: Network) -> Config:
    """Return a config of a network as it is now, with random samples.

    The weights that it started with are not given, so that the check may draw them anew.
    """
    shape, outputs, config = network.input_shape, network.outputs, network.config
    rng = np.random.default_rng(config.train.seed)
    inputs = rng.normal(size=(SAMPLES, math.prod(shape)))
    targets = rng.random((SAMPLES, outputs))
    targets /= targets.sum(axis=1, keepdims=True)  # as cross-entropy wants it
    data = DataConfig(
        dataset="table",
        inputs=tuple(map(tuple, inputs.tolist())),
        targets=tuple(map(tuple, targets.tolist())),
        input_shape=shape if len(shape) > 1 else (),
        normalize="none",
        validation=0,
    )
    start = build_model(config, shape, outputs, Normalization()).network.parameters.views
    moved = {
        name: tuple(values.ravel().tolist())
        for name, values in network.parameters.items()
        if not np.array_equal(values, start[name])
    }
    return dataclasses.replace(config, data=data, weights={**config.weights, **moved})
