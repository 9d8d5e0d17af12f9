"""Answer pictures of an array that are in the form of the training pictures: many at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bpnet.library.picture_reader import Entry, Wishes, verdict
from bpnet.model.blocks import block_size
from bpnet.model.checkpoint import demand_finite
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.workers import worker_settings

if TYPE_CHECKING:
    from bpnet.bulk.picture_list import Rows
    from bpnet.model.model import Model

ROWS = 2048  # pictures of a chunk, each counted as often as it is looked at


class RowReader:
    """Answer pictures that go into the network as they are.

    Args:
        model: the network.
        path: where its checkpoint lies, for messages.
        views: how many views of a picture are averaged.
        wishes: what is wanted of each picture.
    """

    def __init__(self, model: Model, path: Path, views: int, wishes: Wishes) -> None:
        self._model = model
        self._path = path
        self._wishes = wishes
        ensemble = Ensemble([model], views)
        self._block = block_size(ensemble)
        self._answers = Answers(ensemble, most=self._block)
        self.chunk = self._block * max(1, ROWS // (self._block * views))

    def read(self, rows: Rows, pixels: NDArray[np.uint8]) -> list[Entry]:
        """Return the answers, in plain values.

        Args:
            rows: where the pictures lie.
            pixels: (pictures, height, width).

        Raises:
            DivergedError: the network answers with numbers that are not finite.
        """
        probabilities = self._probabilities(pixels)
        order = (-probabilities).argsort(axis=1, kind="stable")[:, : self._wishes.top]
        values = np.take_along_axis(probabilities, order, axis=1).tolist()
        names = self._model.class_names
        entries: list[Entry] = []
        for row, places, fractions in zip(
            range(rows.start, rows.stop), order.tolist(), values, strict=True
        ):
            top = [
                {"label": names[place], "probability": fraction}
                for place, fraction in zip(places, fractions, strict=True)
            ]
            answer = verdict(top, self._model, self._wishes)
            entries.append({"image": rows.name(row)} | answer | {"warnings": []})
        return entries

    def _probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
        """Return the class probabilities (pictures, classes)."""
        found = []
        with worker_settings():
            for start in range(0, len(pixels), self._block):
                block = pixels[start : start + self._block]
                found.append(self._answers.probabilities(block).copy())
        probabilities = np.concatenate(found)
        demand_finite(float(probabilities.sum()), self._path)
        return probabilities
