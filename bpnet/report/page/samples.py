"""Show samples with the answers that they were given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.facts import number
from bpnet.nn.layer import Array
from bpnet.report.page.examined import Examined
from bpnet.report.page.pictures import Picture, grey, signed

TOP = 3  # classes named with their probabilities
NUMBERS = 6  # of a sample that is no picture


@dataclass(frozen=True)
class Shown:
    """Hold a sample as the page shows it.

    Args:
        title: which one of the data set it is, counted from 1, and what it is.
        picture: None where the sample is no picture.
        numbers: what it holds instead.
        answer: what the network said, in lines: the most probable classes, or the estimates.
        gradient: a picture of the input's gradient, if it was asked for.
    """

    title: str
    picture: Picture | None
    numbers: str
    answer: Sequence[str]
    gradient: Picture | None = None


def shown(run: Examined, samples: Iterable[Any], gradients: Array | None = None) -> list[Shown]:
    """Return samples with their answers.

    Args:
        run: the network that answered.
        samples: their places among those that it was asked about.
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


def largest_errors(run: Examined, most: int) -> list[Shown]:
    """Return the samples whose numbers were estimated worst."""
    errors = np.square(run.answers - run.targets).sum(axis=1)
    return shown(run, (-errors).argsort(kind="stable")[:most])


def _title(run: Examined, sample: int) -> str:
    name = f"sample {run.numbers[sample] + 1}"
    if not run.has_classes:
        return f"{name}: {_some(run.targets[sample])}"
    return f"{name}: {run.model.class_names[run.targets[sample]]}"


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
