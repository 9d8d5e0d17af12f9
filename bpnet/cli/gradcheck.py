"""Check a network's gradients against central differences, and report their cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.options import ConfigCommand, as_json, with_config, with_settings
from bpnet.cli.output import show, show_json, terminal_width
from bpnet.narrow import fitted, fitted_text

if TYPE_CHECKING:
    from bpnet.config.settings import Config
    from bpnet.teach.gradcheck.checker import Check
    from bpnet.teach.gradcheck.cost import Cost
    from bpnet.teach.gradcheck.gradcheck import Report

NOTHING_TO_FIND = "the planted mistake shows nowhere: it changes no gradient of this network"
SECONDS = 1.0  # of timing passes


@click.command(cls=ConfigCommand, short_help="Check every gradient against central differences.")
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

    config = load_config(source, overrides)
    with CheckBar() as bar:
        report = run_gradcheck(config, sabotage, elements=elements, seconds=SECONDS, observer=bar)
    if as_json:
        show_json(document(source, report))
    else:
        show(*text(source, config, report, terminal_width()))
    demand_passed(report)


def demand_passed(report: Report) -> None:
    """Turn wrong gradients into an error.

    Raises:
        CheckFailedError: a gradient is wrong.
        ConfigError: a mistake was planted where it changes nothing.
    """
    from bpnet.errors import CheckFailedError, ConfigError
    from bpnet.teach.gradcheck.projection import TOLERANCE

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


def text(source: str, config: Config, report: Report, width: int | None = None) -> list[str]:
    """Return the lines of the text, for a page of so many columns."""
    cost = report.cost
    title = f"{Path(source).stem}: {cost.parameters:,} parameters, loss {config.train.loss}, "
    lines = [title + f"{report.samples} sample{'s' * (report.samples > 1)}, float64"]
    if report.mistake is not None:
        lines.append(f"planted: {report.mistake.text}")
    if report.drawn:
        lines.append(
            f"drawn away from their starts, so that no term hides: {', '.join(report.drawn)}"
        )
    if report.moved:
        lines.append("this point lies at a kink: checked at one nearby")
    lines.append("slopes along random directions: what the gradient says, what differences find")
    lines += ["", *table(report.checks, width), ""]
    compared = [check for check in report.checks if check.relative_error is not None]
    worst = max(compared, key=lambda check: check.relative_error or 0.0)
    right = sum(check.passed for check in compared)
    flats = sum(verdict(check) == "flat" for check in compared)
    flat = f" ({flats} of them flat)" if flats else ""
    lines.append(
        f"{right} of {len(compared)} gradients agree{flat}; the largest relative error is "
        f"{worst.relative_error:.1e}, at {worst.gradient.layer}, {worst.gradient.parameter}"
    )
    if report.mistake is not None and report.passed:
        lines.append(NOTHING_TO_FIND)
    lines += remarks(report.checks)
    return fitted_text([*lines, "", *cost_lines(config, cost)], width)


def table(checks: list[Check], width: int | None = None) -> list[str]:
    """Return one line per gradient, or several on a narrow page."""
    names = [(check.gradient.layer, check.gradient.parameter) for check in checks]
    layers = max(len("layer"), *(len(layer) for layer, _ in names))
    label = max(len("gradient by"), *(len(parameter) for _, parameter in names))
    line = f"{{:<{layers}}}  {{:<{label}}}{{:>14}}{{:>14}}{{:>10}}{{:>7}}  {{}}".format
    headings = ("layer", "gradient by", "analytic", "numeric", "error", "kinks", "")
    rows = []
    for check, name in zip(checks, names, strict=True):
        slopes = check.comparison
        numbers = ("", "") if check.elements is None else ("", f"{check.elements:,} elements")
        if slopes is not None:
            numbers = (f"{slopes.analytic:.6g}", f"{slopes.numeric:.6g}")
        error = "–" if check.relative_error is None else f"{check.relative_error:.1e}"
        rows.append((*name, *numbers, error, str(check.kinks or ""), verdict(check)))
    lines = [line(*headings).rstrip(), *(line(*row) for row in rows)]
    return fitted(lines, headings, rows, width, names=2)


def verdict(check: Check) -> str:
    """Return one word about a gradient."""
    if not check.passed:
        return "WRONG"
    if check.relative_error is None:
        return "kink"
    if check.is_alone:
        return "alone"
    return "flat" if check.is_flat else "ok"


def remarks(checks: list[Check]) -> list[str]:
    """Return remarks on kinks and flat slopes."""
    lines = []
    crossed = sum(check.kinks for check in checks if check.elements is None)
    left_out = sum(check.kinks for check in checks if check.elements is not None)
    if crossed:
        lines.append(f"{crossed} directions crossed a kink of ReLU or a tie of pooling: redrawn")
    if left_out:
        lines.append(f"{left_out} elements lie at a kink or a tie: left out")
    for check in checks:
        if check.held:
            lines.append(
                f"{check.gradient.layer}, {check.gradient.parameter}: {check.held:,} numbers are 0 "
                "and lie at a kink or a tie: not varied"
            )
    if any(check.relative_error is None for check in checks):
        lines.append("kink: every direction crosses one, so nothing could be compared")
    if any(verdict(check) == "alone" for check in checks):
        lines.append(
            "alone: flat, since normalisation takes every mean away; so it was checked as that of "
            "the layer's own outputs, weighted at random"
        )
    if any(verdict(check) == "flat" for check in checks):
        lines.append("flat: slopes so small that a gradient 0.1 % too large would go unnoticed")
    return lines


def cost_lines(config: Config, cost: Cost) -> list[str]:
    """Return what a gradient costs either way."""
    samples = f"{cost.samples} sample{'s' * (cost.samples > 1)}"
    return [
        f"cost, with {samples} in {config.model.dtype} on one core:",
        f"  one forward pass    {duration(cost.forward)}",
        f"  one backward pass   {duration(cost.backward)}, "
        f"{cost.backward_over_forward:.2f} times a forward pass, for all "
        f"{cost.parameters:,} gradients and the input's",
        f"  finite differences  {duration(cost.finite_differences)}, "
        f"{cost.parameters + 1:,} forward passes",
        f"backpropagation is {cost.speedup:,.1f} times as fast",
    ]


def duration(seconds: float) -> str:
    """Return a time in a suitable unit."""
    units = [("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("h", 3600.0)]
    name, size = next((unit for unit in reversed(units) if seconds >= unit[1]), units[0])
    return f"{float(f'{seconds / size:.3g}'):g} {name}"
