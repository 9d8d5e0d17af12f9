"""Show which class was taken for which, with the samples behind every number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.report.page.examined import Examined
from bpnet.report.page.samples import Shown, shown

PER_CELL = 12  # samples of a cell
MOST_CLASSES = 30  # of a matrix that can be read
MOST_CONFUSIONS = 30  # that are listed where there are more classes
PALEST, DARKEST = 0.08, 0.45  # how much colour a cell has


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


class Confusion:
    """Hold the matrix of a run, or of many classes the most frequent confusions.

    Args:
        run: the network that answered.
        run_id: begins the ids of all cells.
        most: samples of all cells together.
    """

    def __init__(self, run: Examined, run_id: str, most: int) -> None:
        assert run.score.confusion is not None
        self._run = run
        self._id = run_id
        self._counts: NDArray[np.int64] = run.score.confusion
        self._wrong = self._counts - np.diag(np.diag(self._counts))
        self._each = min(PER_CELL, most // max(1, int((self._counts > 0).sum())))
        self.rows = self._rows()
        self.most_frequent = [] if self.rows else self._most_frequent()

    def _rows(self) -> list[list[Cell]]:
        """Return the rows of the matrix; none if there are too many classes to show it."""
        classes = range(len(self._counts))
        if len(classes) > MOST_CLASSES:
            return []
        return [[self._cell(label, named) for named in classes] for label in classes]

    def _most_frequent(self) -> list[Cell]:
        """Return the cells with the most wrong answers."""
        order = (-self._wrong).ravel().argsort(kind="stable")[:MOST_CONFUSIONS]
        places = zip(*np.unravel_index(order, self._wrong.shape), strict=True)
        return [
            self._cell(int(label), int(named))
            for label, named in places
            if self._wrong[label, named] > 0
        ]

    def _cell(self, label: int, named: int) -> Cell:
        names, count = self._run.model.class_names, int(self._counts[label, named])
        is_right = label == named
        of = self._counts[label].sum() if is_right else self._wrong.max()
        return Cell(
            id=f"{self._id}-{label}-{named}",
            title=f"{names[label]} read as {names[named]}",
            count=count,
            kind=("right" if is_right else "wrong") if count else "empty",
            strength=round(PALEST + (DARKEST - PALEST) * float(count / max(1, of)), 3),
            samples=shown(self._run, self._run.answered(label, named)[: self._each]),
        )
