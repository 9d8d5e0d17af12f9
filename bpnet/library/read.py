"""Read the digits in pictures."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from bpnet.errors import BpnetWarning, DataError
from bpnet.library.many_pictures import on_all_cores
from bpnet.library.model import MOST_VIEWS, Model, load
from bpnet.library.numbers import fraction, whole_number
from bpnet.library.picture_form import UNKNOWN_FORM, check_reads_pictures
from bpnet.library.picture_reader import FEW, PictureReader, Wishes
from bpnet.library.pictures import NamedPicture, is_one_picture, named_pictures
from bpnet.library.reading import Reading
from bpnet.machine import single_blas_thread
from bpnet.model.run_files import WEIGHTS

if TYPE_CHECKING:
    from bpnet.library.settings import Place


@overload
def read(
    picture: list[Any] | tuple[Any, ...],
    *,
    segment: bool = ...,
    model: Model | Place | None = ...,
    top: int = ...,
    min_probability: float | None = ...,
    views: int = ...,
) -> list[Reading]: ...


@overload
def read(
    picture: Any,
    *,
    segment: bool = ...,
    model: Model | Place | None = ...,
    top: int = ...,
    min_probability: float | None = ...,
    views: int = ...,
) -> Reading: ...


def read(
    picture: Any,
    *,
    segment: bool = False,
    model: Model | Place | None = None,
    top: int = 3,
    min_probability: float | None = None,
    views: int = 1,
) -> Reading | list[Reading]:
    """Read the digit in a picture, or with `segment` rows of digits, as `bpnet predict` does.

    >>> digit = bpnet.read("seven.jpg")
    >>> digit.label, round(digit.probability, 2)
    ('7', 1.0)
    >>> print(bpnet.read("year.jpg", segment=True))
    1998

    Args:
        picture: the path or address of a picture file, an image of Pillow, or pixels in uint8,
            (height, width) or (height, width, 3); or a list of these, which is answered with a
            list.
        segment: read rows of digits, from top to bottom.
        model: a model, or the checkpoint of one; by default, the weights that ship with bpnet.
        top: how many of the most probable classes are told.
        min_probability: below which an answer is "not sure"; by default, 0.4 if the network knows
            what is no digit, else 0.
        views: how many slightly shifted, turned and scaled views of a digit are averaged.

    Returns:
        What was read; a blank picture has no label, and a warning.

    Raises:
        DataError: something is no picture, or the network reads none.
    """
    if not isinstance(model, Model):
        model = load(WEIGHTS if model is None else model)
    is_one = is_one_picture(picture)
    if not is_one and not isinstance(picture, list | tuple):
        shape = getattr(picture, "shape", None)
        raise DataError(
            "this is not a picture",
            where="picture",
            expected="one picture, or a list of pictures",
            found=type(picture).__name__ if shape is None else f"an array of shape {shape}",
            hint="give list(images)",
        )
    if min_probability is not None:
        min_probability = fraction(min_probability, "min_probability")
    top = whole_number(top, "top")
    views = whole_number(views, "views", MOST_VIEWS)
    pictures = named_pictures(picture, "picture")
    wishes = Wishes(segment, min_probability, min(top, len(model.classes)), rows=False)
    answers = [Reading.of(entry) for entry in answers_about(model, pictures, wishes, views)]
    return answers[0] if is_one else answers


def answers_about(
    model: Model, pictures: Sequence[NamedPicture], wishes: Wishes, views: int
) -> list[dict[str, Any]]:
    """Return the answer for each picture in plain values, in order.

    Args:
        model: who answers.
        pictures: what is read.
        wishes: what is wanted of each.
        views: how many views of a digit are averaged.

    Raises:
        DataError: a picture cannot be read, or the network reads none.
        DivergedError: the network answers with numbers that are not finite.
    """
    many = wishes.segment or len(pictures) > FEW
    network = model.network if many else model.plain  # for few digits, the textbook is fast enough
    check_reads_pictures(network)
    if network.preparation is None:
        warnings.warn(UNKNOWN_FORM, BpnetWarning, stacklevel=4)
    reader = PictureReader(network, model.path, views, wishes)

    def answer(number: int) -> dict[str, Any] | DataError:
        picture = pictures[number]
        try:
            return reader.read(picture.name, picture.stream()).entry
        except DataError as error:
            if not isinstance(picture.source, Path):
                error.parts["where"] = picture.name
            return error

    entries = []
    in_files = all(isinstance(picture.source, Path) for picture in pictures)
    with (
        single_blas_thread(),
        closing(on_all_cores(answer, len(pictures), alone=not in_files)) as found,
    ):
        for entry in found:
            if isinstance(entry, DataError):
                raise entry
            entries.append(entry)
    return entries
