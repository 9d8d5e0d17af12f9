"""Find several pictures, and answer them on all cores."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from bpnet.bulk.picture_list import arrays_among
from bpnet.cli.output import note
from bpnet.cli.predict_bar import with_bar
from bpnet.data.reading.sources import find_pictures
from bpnet.library.many_pictures import on_all_cores

if TYPE_CHECKING:
    from bpnet.errors import DataError
    from bpnet.nn.layer import Shape

Answered = TypeVar("Answered")


def find_several(words: Sequence[str]) -> tuple[list[str | DataError], dict[int, Shape]]:
    """Return what words stand for, and the shapes of those that are arrays, by their places."""
    found = find_pictures(words)
    if found.left_out:
        note(f"left out: {found.left_out:,} files, by their names, or links to folders")
    return found.pictures, arrays_among(found.pictures)


def answers_to_several(
    answer: Callable[[int], Answered], count: int, *, alone: bool
) -> Generator[Answered]:
    """Yield `answer(0) … answer(count − 1)` in order.

    Args:
        answer: to the picture of a number.
        count: how many pictures there are.
        alone: whether this process has to read all of them.
    """
    with closing(on_all_cores(answer, count, alone=alone)) as answers:
        if sys.stderr.isatty():
            yield from with_bar(answers, count)
        else:
            yield from answers
