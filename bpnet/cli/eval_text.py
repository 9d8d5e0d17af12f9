"""Write a score as lines of text."""

from __future__ import annotations

from typing import Any

from bpnet.cli.options import averaged_over
from bpnet.library.figures import loss_text, percent
from bpnet.library.opening import described
from bpnet.text_table import Table


def text(result: dict[str, Any], place: str) -> list[str | Table]:
    """Return the score as lines and tables; the first line says on what samples it was reached."""
    lines: list[str | Table] = [f"{place}: {result['samples']} samples"]
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
    lines += ["", class_table(result), "", "confusion: rows are true, columns predicted"]
    return [*lines, confusion_table(result)]


def class_table(result: dict[str, Any]) -> Table:
    """Return precision and recall of every class."""
    rows = [
        (entry["label"], share(entry["precision"]), share(entry["recall"]), str(entry["samples"]))
        for entry in result["per_class"]
    ]
    return Table(("class", "precision", "recall", "samples"), rows, right=(1, 2, 3))


def confusion_table(result: dict[str, Any]) -> Table:
    """Return what each class was taken for; where there is no room, only what occurred."""
    names = [entry["label"] for entry in result["per_class"]]
    rows, listed = [], []
    for name, counts in zip(names, result["confusion"], strict=True):
        rows.append((name, *map(str, counts)))
        taken = [f"{other} × {count}" for other, count in zip(names, counts, strict=True) if count]
        listed.append(f"{name}: {', '.join(taken) or '–'}")
    return Table(("", *names), rows, right=range(1, len(names) + 1), instead=listed)


def share(fraction: float | None) -> str:
    """Return a fraction as it stands in the table."""
    return "–" if fraction is None else percent(fraction)


def calibration_line(result: dict[str, Any]) -> str:
    """Return how far the probabilities can be believed, and what corrects a single network's."""
    error, brier = result["calibration_error"], result["brier_score"]
    line = f"probabilities: calibration error {error:.4f}, Brier score {brier:.4f}"
    if len(result["checkpoints"]) > 1:
        return line
    if result["temperature"] is None:
        return f"{line}; no temperature was fitted"
    return f"{line}; temperature {result['temperature']:.3g}"
