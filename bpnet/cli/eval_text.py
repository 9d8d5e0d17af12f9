"""Write a score as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpnet.cli.narrow import fits, fitted, fitted_text
from bpnet.cli.options import averaged_over
from bpnet.cli.output import shown
from bpnet.library.figures import loss_text, percent
from bpnet.library.opening import described


def text(result: dict[str, Any], place: str) -> list[str]:
    """Return the score as lines of text; the first one says on what samples it was reached."""
    lines = [f"{place}: {result['samples']} samples"]
    networks = list(map(described, result["checkpoints"], result["epochs"]))
    if len(networks) == 1:
        lines.append(f"checkpoint {networks[0]}")
    else:
        lines.append(f"mean of {len(networks)} networks:")
        lines += [f"  {network}" for network in networks]
    if result["views"] > 1:
        lines.append(averaged_over(result["views"]))
    lines.append(f"loss      {loss_text(result['loss'])}")
    if "accuracy" in result:
        bounds = f"{percent(result['accuracy_low'])} – {percent(result['accuracy_high'])}"
        lines.append(f"accuracy  {percent(result['accuracy'])}  (95 %: {bounds})")
        lines.append(f"errors    {result['errors']}")
    if "confusion" not in result:
        lines += [f"mae       {result['mae']:.6g}", f"mse       {result['mse']:.6g}"]
        return lines
    lines.append(calibration_line(result))
    names = [shown(entry["label"]) for entry in result["per_class"]]
    width = max(6, *(len(name) + 1 for name in names))
    lines += ["", *class_table(result, names, width), ""]
    return [*lines, *confusion_table(result["confusion"], names, width)]


def class_table(result: dict[str, Any], names: Sequence[str], width: int) -> list[str]:
    """Return precision and recall of every class, names in `width` columns."""
    headings = ("class", "precision", "recall", "samples")
    rows = []
    for name, entry in zip(names, result["per_class"], strict=True):
        fractions = [
            "–" if entry[key] is None else f"{100 * entry[key]:.2f} %"
            for key in ("precision", "recall")
        ]
        rows.append((name, *fractions, str(entry["samples"])))
    line = f"{{:{width}}}{{:>10}}{{:>10}}{{:>10}}".format
    return fitted([line(*headings), *(line(*row) for row in rows)], headings, rows)


def confusion_table(
    confusion: Sequence[Sequence[int]], names: Sequence[str], width: int
) -> list[str]:
    """Return what each class was taken for; where there is no room, only what occurred."""
    lines = [" " * width + "".join(name.rjust(width) for name in names)]
    for name, row in zip(names, confusion, strict=True):
        lines.append(name.ljust(width) + "".join(str(count).rjust(width) for count in row))
    if fits(lines):
        return ["confusion: rows are true, columns predicted", *lines]
    lines = ["confusion: true: predicted × samples"]
    for name, row in zip(names, confusion, strict=True):
        counts = [f"{other} × {count}" for other, count in zip(names, row, strict=True) if count]
        lines += fitted_text(f"{name}: {', '.join(counts) or '–'}")
    return lines


def calibration_line(result: dict[str, Any]) -> str:
    """Return how far the probabilities can be believed, and what corrects a single network's."""
    error, brier = result["calibration_error"], result["brier_score"]
    line = f"probabilities: calibration error {error:.4f}, Brier score {brier:.4f}"
    if len(result["checkpoints"]) > 1:
        return line
    if result["temperature"] is None:
        return f"{line}; no temperature was fitted"
    return f"{line}; temperature {result['temperature']:.3g}"
