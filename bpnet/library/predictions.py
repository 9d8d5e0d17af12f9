"""Hold what a network answers about samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bpnet.errors import counted, escaped
from bpnet.library.html import table

MOST_ROWS = 10  # of a table for people
BLANK = -1  # stands for the class of a picture in which nothing is

Labels = NDArray[np.int64]
Probabilities = NDArray[np.floating]


class Predictions(tuple[Labels, Probabilities]):
    """Hold the answers to some samples, as a pair: `labels, probabilities = model.predict(images)`.

    Args:
        labels: numbers of the most probable classes (samples,); −1 where a picture is blank.
        probabilities: of all classes (samples, classes); 0 where a picture is blank.
        classes: their names.
    """

    classes: tuple[str, ...]

    def __new__(
        cls, labels: Labels, probabilities: Probabilities, classes: tuple[str, ...]
    ) -> Predictions:
        """Return the pair, which knows the names of its classes."""
        pair = super().__new__(cls, (labels, probabilities))
        pair.classes = classes
        return pair

    def __reduce__(self) -> tuple[object, ...]:
        return Predictions, (*self, self.classes)

    @property
    def labels(self) -> Labels:
        """Return the numbers of the most probable classes (samples,); −1: a blank picture."""
        return self[0]

    @property
    def probabilities(self) -> Probabilities:
        """Return the probabilities of all classes (samples, classes)."""
        return self[1]

    @property
    def names(self) -> list[str | None]:
        """Return the names of the most probable classes; None for a blank picture."""
        return [None if label == BLANK else self.classes[label] for label in self.labels.tolist()]

    def _rows(self) -> list[tuple[str, str]]:
        """Return the first answers: class and probability."""
        rows = []
        for name, probabilities in zip(self.names[:MOST_ROWS], self.probabilities, strict=False):
            sure = "" if name is None else f"{probabilities.max():.1%}"
            rows.append((escaped(name or "blank"), sure))
        if (more := len(self.labels) - MOST_ROWS) > 0:
            rows.append((f"and {more:,} more", ""))
        return rows

    def __repr__(self) -> str:
        head = f"Predictions of {counted(len(self.labels), 'sample', 'samples')}"
        return "\n".join([head, *(f"  {name:<10}  {sure}".rstrip() for name, sure in self._rows())])

    def _repr_html_(self) -> str:
        return table(("class", "probability"), self._rows(), right=[1])
