"""Write what a check of all gradients found as lines of text."""

from __future__ import annotations

from bpnet.config.settings import Config
from bpnet.teach.gradcheck.checker import Check
from bpnet.teach.gradcheck.cost import Cost
from bpnet.teach.gradcheck.gradcheck import Report
from bpnet.text_table import Table

NOTHING_TO_FIND = "the planted mistake shows nowhere: it changes no gradient of this network"


def text(name: str, config: Config, report: Report) -> list[str | Table]:
    """Return what a check found, as lines of text and a table.

    Args:
        name: of the network.
        config: of the network.
        report: of the check.
    """
    cost = report.cost
    title = f"{name}: {cost.parameters:,} parameters, loss {config.train.loss}, "
    lines: list[str | Table] = [
        title + f"{report.samples} sample{'s' * (report.samples > 1)}, float64"
    ]
    if report.mistake is not None:
        lines.append(f"planted: {report.mistake.text}")
    if report.drawn:
        lines.append(
            f"drawn away from their starts, so that no term hides: {', '.join(report.drawn)}"
        )
    if report.moved:
        lines.append("this point lies at a kink: checked at one nearby")
    lines.append("slopes along random directions: what the gradient says, what differences find")
    lines += ["", table(report.checks), ""]
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
    return [*lines, "", *cost_lines(config, cost)]


def table(checks: list[Check]) -> Table:
    """Return one row per gradient."""
    rows = []
    for check in checks:
        slopes = check.comparison
        numbers = ("", "") if check.elements is None else ("", f"{check.elements:,} elements")
        if slopes is not None:
            numbers = (f"{slopes.analytic:.6g}", f"{slopes.numeric:.6g}")
        error = "–" if check.relative_error is None else f"{check.relative_error:.1e}"
        name = (check.gradient.layer, check.gradient.parameter)
        rows.append((*name, *numbers, error, str(check.kinks or ""), verdict(check)))
    headers = ("layer", "gradient by", "analytic", "numeric", "error", "kinks", "")
    return Table(headers, rows, right=(2, 3, 4, 5), least=(0, 0, 12, 12, 8, 5, 0))


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
