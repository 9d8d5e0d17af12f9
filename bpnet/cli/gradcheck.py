"""Check a network's gradients against central differences, and report their cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import as_json, with_config, with_settings
from bpnet.cli.output import show_json
from bpnet.cli.tables import show_parts

if TYPE_CHECKING:
    from bpnet.teach.gradcheck.checker import Check
    from bpnet.teach.gradcheck.gradcheck import Report

SECONDS = 1.0  # of timing passes


@click.command(
    cls=BpnetCommand,
    examples={
        "gradcheck sigmoid": "a small network",
        "gradcheck chain --elements": "every element of every parameter as well",
        "gradcheck mlp --sabotage 3.relu": "plant a mistake, and see it found",
    },
)
@with_config("What to check.", required=True)
@with_settings
@click.option("--elements", is_flag=True, help="Check every element of every parameter as well.")
@click.option(
    "--sabotage",
    metavar="LAYER|LOSS[:N]",
    help="Plant a known mistake (its N-th) in the backward pass of a layer, or of the loss, to see "
    "it found.",
)
@as_json
def command(
    source: str, overrides: tuple[str, ...], elements: bool, sabotage: str | None, as_json: bool
) -> None:
    """Check every gradient against central differences, layer by layer, in float64.

    Each gradient is projected onto two random directions, and the projections are compared with the
    measured slopes of the loss. Where a forgotten factor or term would not be missed, another value
    is taken: γ, β and biases are drawn away from their starts, and `scale 1` is not checked at 1.
    Directions that cross a kink of ReLU or of maximum pooling are redrawn; dropout drops the same
    activations every time. Fast layers and a whole training step are checked as well. The exit code
    is 1 if any relative error is above 10⁻⁶.

    So it is 1 where a mistake planted by --sabotage is found. It is 2 where that mistake changes no
    gradient of this network, and there is nothing to find.
    """
    from bpnet.cli.check_bar import CheckBar
    from bpnet.config.loading import load_config
    from bpnet.teach.gradcheck.gradcheck import run_gradcheck
    from bpnet.teach.gradcheck.report_text import text

    config = load_config(source, overrides)
    with CheckBar() as bar:
        report = run_gradcheck(config, sabotage, elements=elements, seconds=SECONDS, observer=bar)
    if as_json:
        show_json(document(source, report))
    else:
        show_parts(*text(Path(source).stem, config, report))
    demand_passed(report)


def demand_passed(report: Report) -> None:
    """Turn wrong gradients into an error.

    Raises:
        CheckFailedError: a gradient is wrong.
        ConfigError: a mistake was planted where it changes nothing.
    """
    from bpnet.errors import CheckFailedError, ConfigError
    from bpnet.teach.gradcheck.projection import TOLERANCE
    from bpnet.teach.gradcheck.report_text import NOTHING_TO_FIND

    culprit = report.culprit
    if culprit is None:
        if report.mistake is not None:
            raise ConfigError(
                NOTHING_TO_FIND,
                where="--sabotage",
                found=report.mistake.text,
                hint="plant another mistake, or check another network",
            )
        return
    wrong = sum(not check.passed for check in report.checks)
    where = ", ".join(dict.fromkeys((culprit.gradient.layer, culprit.gradient.parameter)))
    raise CheckFailedError(
        f"{wrong} of {len(report.checks)} gradients {'is' if wrong == 1 else 'are'} wrong",
        where=f"{where}: the last wrong one, spoiled by no other",
        expected=f"a relative error of at most {TOLERANCE:g}",
        found=f"{culprit.relative_error:.2g}",
        hint=None if report.mistake else "compare its backward with its equation",
    )


def document(source: str, report: Report) -> dict[str, Any]:
    """Return everything in plain numbers."""
    from bpnet.config.presets import find_config

    cost = report.cost
    return {
        "config": str(find_config(source).absolute()),
        "passed": report.passed,
        "parameters": cost.parameters,
        "samples": report.samples,
        "drawn": report.drawn,
        "moved": report.moved,
        "sabotage": None if report.mistake is None else report.mistake.text,
        "checks": [row(check) for check in report.checks],
        "forward_seconds": cost.forward,
        "backward_seconds": cost.backward,
        "backward_over_forward": cost.backward_over_forward,
        "finite_difference_seconds": cost.finite_differences,
        "speedup": cost.speedup,
    }


def row(check: Check) -> dict[str, Any]:
    """Return one gradient's row, with None for what is not finite."""
    import math

    slopes = check.comparison

    def number(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    return {
        "layer": check.gradient.layer,
        "parameter": check.gradient.parameter,
        "part": check.gradient.part,
        "shape": list(check.gradient.shape),
        "analytic": number(slopes.analytic if slopes else None),
        "numeric": number(slopes.numeric if slopes else None),
        "relative_error": number(check.relative_error),
        "elements": check.elements,
        "kinks": check.kinks,
        "held": check.held,
        "flat": check.is_flat,
        "alone": check.is_alone,
        "passed": check.passed,
    }
