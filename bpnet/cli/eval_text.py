"""Turn a score into plain values, and those into lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bpnet.cli.checkpoints import described
from bpnet.cli.options import averaged_over, loss_text, percent
from bpnet.cli.output import shown
from bpnet.narrow import fits, fitted, fitted_text

if TYPE_CHECKING:
    from bpnet.model.model import Model
    from bpnet.model.score import Score


def describe(score: Score, models: Sequence[Model]) -> dict[str, Any]:
    """Return the score of one network, or of several together, in plain values."""
    from bpnet.model.score import per_class, wilson_interval

    one = models[0] if len(models) == 1 else None
    result: dict[str, Any] = {"samples": score.samples, "loss": score.loss}
    result["training_loss"] = None if one is None else score.training_loss
    if score.correct is not None:
        low, high = wilson_interval(score.correct, score.samples)
        result |= {"accuracy": score.accuracy, "accuracy_low": low, "accuracy_high": high}
        result["errors"] = score.errors
    if score.confusion is None:
        return result | {"mae": score.mean_absolute_error, "mse": score.mean_squared_error}
    result["calibration_error"] = score.calibration_error
    result["brier_score"] = score.brier_score
    result["temperature"] = None if one is None else one.temperature
    result["per_class"] = per_class(score.confusion, models[0].class_names)
    return result | {"confusion": score.confusion.tolist()}


def text(result: dict[str, Any], place: str, width: int | None = None) -> list[str]:
    """Return the score as lines of text; the first one says on what samples it was reached.

    Args:
        result: the score in plain values.
        place: its samples.
        width: columns of the page; None if it takes lines of any length.
    """
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
    lines += ["", *class_table(result, names, width), ""]
    return [*lines, *confusion_table(result["confusion"], names, width)]


def column(names: Sequence[str]) -> int:
    """Return the columns that hold every name of a class."""
    return max(6, *(len(name) + 1 for name in names))


def class_table(result: dict[str, Any], names: Sequence[str], width: int | None) -> list[str]:
    """Return precision and recall of every class."""
    headings = ("class", "precision", "recall", "samples")
    rows = []
    for name, entry in zip(names, result["per_class"], strict=True):
        fractions = [
            "–" if entry[key] is None else f"{100 * entry[key]:.2f} %"
            for key in ("precision", "recall")
        ]
        rows.append((name, *fractions, str(entry["samples"])))
    line = f"{{:{column(names)}}}{{:>10}}{{:>10}}{{:>10}}".format
    return fitted([line(*headings), *(line(*row) for row in rows)], headings, rows, width)


def confusion_table(
    confusion: Sequence[Sequence[int]], names: Sequence[str], width: int | None
) -> list[str]:
    """Return what each class was taken for; where there is no room, only what occurred."""
    each = column(names)
    lines = [" " * each + "".join(name.rjust(each) for name in names)]
    for name, row in zip(names, confusion, strict=True):
        lines.append(name.ljust(each) + "".join(str(count).rjust(each) for count in row))
    if fits(lines, width):
        return ["confusion: rows are true, columns predicted", *lines]
    lines = ["confusion: true: predicted × samples"]
    for name, row in zip(names, confusion, strict=True):
        counts = [f"{other} × {count}" for other, count in zip(names, row, strict=True) if count]
        lines += fitted_text([f"{name}: {', '.join(counts) or '–'}"], width)
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
