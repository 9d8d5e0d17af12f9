"""Read the digit in each picture."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from bpnet.cli.checkpoints import described, open_checkpoint
from bpnet.cli.options import PATH, as_json, averaged_over, views
from bpnet.cli.output import note, show, show_json
from bpnet.errors import ConfigError, DataError
from bpnet.model.run_files import WEIGHTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpnet.data.reading.image import DigitPicture
    from bpnet.model.ensemble import Answers
    from bpnet.model.model import Model
    from bpnet.model.preparation import Preparation


@dataclass
class Reading:
    """Hold what was found in one picture.

    Args:
        image: its path as it was given, made absolute; `-` for standard input.
        digits: what was found, from left to right.
        probabilities: of each digit's classes; None for a blank picture.
    """

    image: str
    digits: list[DigitPicture]
    probabilities: list[NDArray[np.floating] | None] = field(default_factory=list)


@click.command(short_help="Read the digit in each picture.")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE…")
@click.option(
    "--checkpoint",
    type=PATH,
    metavar="CHECKPOINT|RUN_DIR",
    help="Default: the weights that ship with bpnet.",
)
@click.option(
    "--top",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    metavar="K",
    help="Show the K most probable classes.",
)
@click.option("--segment", is_flag=True, help="Read several digits per picture, left to right.")
@click.option(
    "--explain",
    type=PATH,
    metavar="OUT.png",
    help="Draw how each picture became a digit and the digit an answer.",
)
@views
@as_json
def command(
    images: tuple[str, ...],
    checkpoint: Path | None,
    top: int,
    segment: bool,
    explain: Path | None,
    views: int,
    as_json: bool,
) -> None:
    """Read the digit in each picture; `-` reads one from standard input.

    Drawings, scans and photographs will do, dark on light or light on dark. A blank picture gets
    a warning and no digit.
    """
    from bpnet.machine import single_blas_thread

    if explain is not None:
        check_explanation(explain, images)
    with single_blas_thread():  # products this small would only wait for a second thread
        from bpnet.model.checkpoint import demand_finite
        from bpnet.model.ensemble import Answers, Ensemble

        opened = open_checkpoint(checkpoint or WEIGHTS)
        if checkpoint is not None and not as_json:
            note(f"checkpoint {described(opened.name, opened.epoch)}")
        model = opened.checkpoint.model(fast=False)  # for one digit, the textbook is fast enough
        if checkpoint is not None:
            opened.warnings.extend(tell_form(model, as_json=as_json))
        readings, unreadable = read_all(images, model.preparation, segment=segment)
        answers = Answers(Ensemble([model], views), most=1)
        for reading in readings:
            recognise(reading, answers)
            for probabilities in reading.probabilities:
                total = 0.0 if probabilities is None else float(probabilities.sum())
                demand_finite(total, opened.checkpoint.path)
    if explain is not None and readings:
        from bpnet.report.explain import draw_explanation

        rows = [
            pair
            for reading in readings
            for pair in zip(reading.digits, reading.probabilities, strict=True)
        ]
        draw_explanation(rows, model.class_names, explain)
    entries = [answer(reading, model, top, segment=segment) for reading in readings]
    if as_json:
        document = {
            "predictions": entries,
            "views": views,
            "checkpoint": opened.name,
            "epoch": opened.epoch,
            "warnings": opened.warnings,
        }
        show_json(document)
    else:
        for entry in entries:
            tell(entry, segment=segment)
        if views > 1:
            note(averaged_over(views))
    report_unreadable(unreadable, readable=len(readings))


def check_explanation(path: Path, images: tuple[str, ...]) -> None:
    """Make sure that the explanation does not replace a picture."""
    if path.suffix.lower() != ".png" or any(is_same_file(path, Path(name)) for name in images):
        raise ConfigError(
            "this cannot be the file of the explanation",
            where="--explain",
            expected="a name that ends in .png and is not one of the pictures to read",
            found=path,
        )


def is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one file."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them is not there
        return False


def tell_form(model: Model, *, as_json: bool) -> list[str]:
    """Write how pictures will be prepared, and return why that may be wrong.

    Raises:
        DataError: the network cannot read pictures.
    """
    from bpnet.cli.picture_form import UNKNOWN_FORM, check_reads_pictures, form_in_words

    check_reads_pictures(model)
    form = form_in_words(model)
    if form is not None and not as_json:
        note(f"pictures are prepared like those of the training: {form}")
    if model.preparation is not None:
        return []
    note(f"warning: {UNKNOWN_FORM}")
    return [UNKNOWN_FORM]


def read_all(
    images: tuple[str, ...], preparation: Preparation | None, *, segment: bool
) -> tuple[list[Reading], list[tuple[str, DataError]]]:
    """Find the digits in every picture; unreadable pictures are returned with the reason."""
    read = picture_reader(preparation, segment=segment)
    readings = []
    unreadable = []
    for image in images:
        source = standard_input() if image == "-" else Path(image)
        try:
            digits = read(source)
        except DataError as error:
            unreadable.append((image, error))
        else:
            name = image if image == "-" else str(Path(image).absolute())
            readings.append(Reading(name, digits))
    return readings, unreadable


def picture_reader(
    preparation: Preparation | None, *, segment: bool
) -> Callable[[Path | BinaryIO], list[DigitPicture]]:
    """Return what finds the digits of a picture file and makes them look like training pictures.

    Args:
        preparation: what these look like; None if that is not known: then, like MNIST.
        segment: read several digits.
    """
    if preparation is not None:
        from bpnet.model.preparation import prepare

        return partial(prepare, preparation=preparation, segment=segment)
    from bpnet.data.reading.image import read_digit, read_digits

    return read_digits if segment else lambda source: [read_digit(source)]


def standard_input() -> BinaryIO:
    """Return standard input; an empty one if it is closed, as it may be in a service."""
    return sys.stdin.buffer if sys.stdin else BytesIO()


def recognise(reading: Reading, answers: Answers) -> None:
    """Ask the network about every digit of a picture."""
    import numpy as np

    for digit in reading.digits:
        pixels = digit.pixels
        with np.errstate(all="ignore"):  # what overflows is refused afterwards
            answer = None if pixels is None else answers.probabilities(np.stack([pixels]))[0]
        reading.probabilities.append(answer)


def answer(reading: Reading, model: Model, top: int, *, segment: bool) -> dict[str, Any]:
    """Return the answer for one picture, in plain values."""
    entries = [
        ranked(probabilities, model.class_names, top) | {"warnings": digit.warnings}
        for digit, probabilities in zip(reading.digits, reading.probabilities, strict=True)
    ]
    if not segment:
        return {"image": reading.image} | entries[0]
    found = [entry for entry in entries if entry["label"] is not None]
    warnings = [warning for entry in entries for warning in entry.pop("warnings")]
    text = "".join(entry["label"] for entry in found)
    return {"image": reading.image, "text": text, "digits": found, "warnings": warnings}


def ranked(
    probabilities: NDArray[np.floating] | None, class_names: tuple[str, ...], top: int
) -> dict[str, Any]:
    """Return the most probable class and the `top` ones; nothing but nulls for a blank picture."""
    if probabilities is None:
        return {"label": None, "probability": None, "top": []}
    order = (-probabilities).argsort(kind="stable")[:top]
    best = [
        {"label": class_names[place], "probability": float(probabilities[place])} for place in order
    ]
    return best[0] | {"top": best}


def tell(entry: dict[str, Any], *, segment: bool) -> None:
    """Write the answer for one picture in a line, and its warnings to standard error."""
    if segment:
        show(f"{entry['image']}: {entry['text'] or 'no digits'}")
    elif entry["label"] is None:
        show(f"{entry['image']}: no digit")
    else:
        rest = ", ".join(f"{item['label']} {item['probability']:.1%}" for item in entry["top"][1:])
        others = f"  (then {rest})" if rest else ""
        show(f"{entry['image']}: {entry['label']}  {entry['probability']:.1%}{others}")
    for warning in entry["warnings"]:
        note(f"{entry['image']}: {warning}")


def report_unreadable(unreadable: list[tuple[str, DataError]], *, readable: int) -> None:
    """Raise one error that names the pictures that could not be read."""
    if len(unreadable) == 1:
        raise unreadable[0][1]
    if unreadable:
        count = len(unreadable) + readable
        raise DataError(
            f"{len(unreadable)} of {count} pictures could not be read",
            details=[f"{image}: {error.what}" for image, error in unreadable],
        )
