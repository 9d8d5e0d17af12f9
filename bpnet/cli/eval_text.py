"""Write a score as lines of text."""

from __future__ import annotations

from typing import Any

from bpnet.cli.options import averaged_over
from bpnet.errors import escaped
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
    names = [escaped(entry["label"]) for entry in result["per_class"]]
    width = max(6, *(len(name) + 1 for name in names))
    lines += ["", "class".ljust(width) + " precision    recall   samples"]
    for name, entry in zip(names, result["per_class"], strict=True):
        parts = [
            "–".rjust(10) if entry[key] is None else f"{100 * entry[key]:8.2f} %"
            for key in ("precision", "recall")
        ]
        lines.append(f"{name:{width}}{parts[0]}{parts[1]}{entry['samples']:10d}")
    lines += ["", "confusion: rows are true, columns predicted"]
    lines.append(" " * width + "".join(name.rjust(width) for name in names))
    for name, row in zip(names, result["confusion"], strict=True):
        lines.append(name.ljust(width) + "".join(str(count).rjust(width) for count in row))
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
