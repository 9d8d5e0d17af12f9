"""Show samples with the answers that they were given, and the confusion matrix with its samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.facts import number
from bpnet.nn.layer import Array
from bpnet.report.page.examined import Examined
from bpnet.report.page.pictures import grey, signed

TOP = 3  # classes named with their probabilities
NUMBERS = 6  # of a sample that is no picture
PER_CELL = 12  # samples of a cell of the confusion matrix
MOST_PICTURES = 600  # of all cells: a page stays under 3 MB
MOST_CLASSES = 30  # of a confusion matrix that can be read
PALEST, DARKEST = 0.08, 0.45  # how much colour a cell has


@dataclass(frozen=True)
class Shown:
    """Hold a sample as the page shows it.

    Args:
        title: which one it is, and what it is.
        picture: its address; None where the sample is no picture.
        numbers: what it holds instead.
        answer: what the network said, in lines: the most probable classes, or the estimates.
        gradient: address of the input's gradient, if it was asked for.
    """

    title: str
    picture: str | None
    numbers: str
    answer: Sequence[str]
    gradient: str | None = None


@dataclass(frozen=True)
class Cell:
    """Hold a cell of the confusion matrix.

    Args:
        id: by which it is linked to.
        title: true and predicted class.
        count: how many samples.
        kind: right, wrong or empty.
        strength: how much colour it has, 0–1.
        samples: some of them.
    """

    id: str
    title: str
    count: int
    kind: str
    strength: float
    samples: Sequence[Shown]


def shown(run: Examined, samples: Iterable[Any], gradients: Array | None = None) -> list[Shown]:
    """Return samples with their answers.

    Args:
        run: the network that answered.
        samples: their numbers.
        gradients: of the inputs (samples, height, width), if they are shown too.
    """
    return [
        Shown(
            title=_title(run, sample),
            picture=grey(run.inputs[sample]) if run.has_pictures else None,
            numbers="" if run.has_pictures else _some(run.inputs[sample]),
            answer=_answer(run, sample),
            gradient=None if gradients is None else signed(gradients[place]),
        )
        for place, sample in enumerate(samples)
    ]


def confusion_cells(run: Examined, run_id: str) -> list[list[Cell]] | None:
    """Return the rows of the confusion matrix; None if there are too many classes to show it."""
    confusion, names = run.score.confusion, run.model.class_names
    if confusion is None or len(names) > MOST_CLASSES:
        return None
    filled = int((confusion > 0).sum())
    each = max(1, min(PER_CELL, MOST_PICTURES // max(1, filled)))
    most_wrong = int((confusion - np.diag(np.diag(confusion))).max()) or 1
    totals = np.maximum(confusion.sum(axis=1), 1)
    rows = []
    for label, row in enumerate(confusion):
        cells = []
        for named, count in enumerate(row.tolist()):
            is_right = label == named
            part = count / totals[label] if is_right else count / most_wrong
            cells.append(
                Cell(
                    id=f"{run_id}-{label}-{named}",
                    title=f"{names[label]} read as {names[named]}",
                    count=count,
                    kind=("right" if is_right else "wrong") if count else "empty",
                    strength=round(PALEST + (DARKEST - PALEST) * float(part), 3),
                    samples=shown(run, run.answered(label, named)[:each]),
                )
            )
        rows.append(cells)
    return rows


def largest_errors(run: Examined, most: int) -> list[Shown]:
    """Return the samples whose numbers were estimated worst."""
    errors = np.square(run.answers - run.targets).sum(axis=1)
    return shown(run, (-errors).argsort(kind="stable")[:most])


def _title(run: Examined, sample: int) -> str:
    """Return which sample it is, counted from 1, and its label."""
    if not run.has_classes:
        return f"sample {sample + 1}: {_some(run.targets[sample])}"
    return f"sample {sample + 1}: {run.model.class_names[run.targets[sample]]}"


def _answer(run: Examined, sample: int) -> list[str]:
    answer = run.answers[sample]
    if not run.has_classes:
        return [_some(answer)]
    best = (-answer).argsort(kind="stable")[:TOP]
    return [f"{run.model.class_names[place]}: {100 * answer[place]:.1f} %" for place in best]


def _some(values: NDArray[Any]) -> str:
    """Return the first numbers of an array."""
    flat = values.ravel()
    more = ", …" if flat.size > NUMBERS else ""
    return ", ".join(number(float(value), 4) for value in flat[:NUMBERS]) + more
