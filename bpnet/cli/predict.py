"""Read the digit in each picture."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from bpnet.cli import options
from bpnet.cli.checkpoints import CHECKPOINT, open_checkpoint
from bpnet.cli.command import BpnetCommand
from bpnet.cli.output import note, show
from bpnet.cli.signals import undivided
from bpnet.disk import FILE, reason, what_is_at
from bpnet.errors import ConfigError, DataError
from bpnet.library.opening import described
from bpnet.model.run_files import WEIGHTS

if TYPE_CHECKING:
    from PIL.Image import Image

    from bpnet.library.picture_reader import Answer, PictureReader, Wishes
    from bpnet.model.model import Model

STANDARD_INPUT = "-"

Write = Callable[[dict[str, Any]], None]


@click.command(
    cls=BpnetCommand,
    examples={
        "predict PICTURE": "a picture that ships with bpnet",
        "predict --checkpoint last PICTURE": "with the newest run",
        "predict --explain out.png PICTURE": "draw how the answer came about",
        "predict --top 1 --csv PICTURE": "a table for other programs",
    },
)
@click.argument("images", type=options.PICTURES, nargs=-1, required=True, metavar="IMAGE…")
@click.option(
    "--checkpoint",
    type=CHECKPOINT,
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
@click.option(
    "--min-probability",
    type=click.FloatRange(0, 1),
    callback=options.no_nan,
    metavar="P",
    help='Answer "not sure" where the most probable class has less than this fraction. '
    "Default: 0.4 if the network knows what is no digit, else 0.",
)
@click.option("--segment", is_flag=True, help="Read rows of digits, from top to bottom.")
@click.option(
    "--explain",
    type=options.PathType(".png"),
    metavar="OUT.png",
    help="Draw how each picture became a digit and the digit an answer, in pages.",
)
@options.views
@options.as_json
@click.option("--jsonl", is_flag=True, help="Print one JSON document per picture, each in a line.")
@click.option("--csv", is_flag=True, help="Print a table of comma-separated values.")
def command(
    images: tuple[str, ...],
    checkpoint: Path | None,
    top: int,
    min_probability: float | None,
    segment: bool,
    explain: Path | None,
    views: int,
    as_json: bool,
    jsonl: bool,
    csv: bool,
) -> None:
    """Read the digit in each picture; `-` reads one from standard input.

    IMAGE is a file, a folder, which is searched to any depth, a pattern in quotes, such as
    'scans/**/*.png', or a web address. Drawings, scans and photographs will do, dark on light or
    light on dark. A blank picture gets a warning and no digit.
    """
    from bpnet.machine import single_blas_thread

    form = only_one(json=as_json, jsonl=jsonl, csv=csv)
    pictures = find(images)
    if explain is not None:
        from bpnet.report.pages import check_place

        check_place(explain, [picture for picture in pictures if isinstance(picture, str)])
    with single_blas_thread():  # products this small would only wait for a second thread
        from bpnet.library.picture_reader import FEW, PictureReader, Wishes

        opened = open_checkpoint(checkpoint or WEIGHTS)
        if checkpoint is not None and form != "json":
            note(f"checkpoint {described(opened.name, opened.epoch)}")
        many = segment or len(pictures) > FEW
        model = opened.checkpoint.model(fast=many)  # for few digits, the textbook is fast enough
        if checkpoint is not None:
            opened.warnings.extend(tell_form(model, quiet=form == "json"))
        wishes = Wishes(segment, min_probability, min(top, len(model.class_names)), bool(explain))
        reader = PictureReader(model, opened.checkpoint.path, views, wishes)
        rest = {
            "views": views,
            "checkpoint": opened.name,
            "epoch": opened.epoch,
            "warnings": opened.warnings,
        }
        with ExitStack() as held:
            write = held.enter_context(written(form, rest, wishes))
            keep = held.enter_context(pages_at(explain))
            answers = held.enter_context(closing(answers_to(pictures, reader)))
            failure = pass_on(answers, write, keep, len(pictures))
    if views > 1 and form == "text":
        note(options.averaged_over(views))
    if failure is not None:
        raise failure


def only_one(**forms: bool) -> str:
    """Return the form of output that was asked for, else `text`."""
    chosen = [form for form, is_chosen in forms.items() if is_chosen]
    if len(chosen) > 1:
        raise ConfigError(
            "answers are written in one form",
            expected="one of --json, --jsonl and --csv",
            found=" ".join(f"--{form}" for form in chosen),
        )
    return chosen[0] if chosen else "text"


def find(words: Sequence[str]) -> list[str | DataError]:
    """Return the pictures that the words stand for, and the errors of those that stand for none."""
    if all(what_is_at(Path(word)) == FILE for word in words):
        return list(words)  # no need to know of folders, patterns and addresses
    from bpnet.data.reading.sources import find_pictures

    found = find_pictures(words)
    if found.left_out:
        note(f"left out: {found.left_out:,} files, by their names, or links to folders")
    return found.pictures


def tell_form(model: Model, *, quiet: bool) -> list[str]:
    """Write how pictures will be prepared, and return why that may be wrong.

    Raises:
        DataError: the network cannot read pictures.
    """
    from bpnet.library.picture_form import UNKNOWN_FORM, check_reads_pictures, form_in_words

    check_reads_pictures(model)
    form = form_in_words(model)
    if form is not None and not quiet:
        note(f"pictures are prepared like those of the training: {form}")
    if model.preparation is not None:
        return []
    note(f"warning: {UNKNOWN_FORM}")
    return [UNKNOWN_FORM]


def written(form: str, rest: Mapping[str, object], wishes: Wishes) -> AbstractContextManager[Write]:
    """Return what writes each answer; leaving its context finishes the output."""
    if form == "text":
        return nullcontext(tell)
    from bpnet.cli import predict_formats as formats

    if form == "json":
        return formats.one_document(rest)
    return formats.json_lines() if form == "jsonl" else formats.comma_separated(wishes)


@contextmanager
def pages_at(path: Path | None) -> Iterator[Callable[[list[Image]], None]]:
    """Yield what draws the rows of each answer; leaving its context writes the last page."""
    if path is None:
        yield lambda rows: None
        return
    from bpnet.report.pages import Pages

    with Pages(path) as pages:
        yield pages.add


def tell(entry: dict[str, Any]) -> None:
    """Write the answer for one picture in a line, and its warnings to standard error."""
    from bpnet.library.picture_reader import words

    show(f"{entry['image']}: {words(entry)}")
    for warning in entry["warnings"]:
        note(f"{entry['image']}: {warning}")


def answers_to(
    pictures: Sequence[str | DataError], reader: PictureReader
) -> Generator[Answer | DataError]:
    """Yield the answer to each picture in order, or why it cannot be read."""
    count = len(pictures)
    if count == 1:
        yield answer_to(pictures[0], reader)
        return
    from bpnet.library.many_pictures import on_all_cores  # one picture needs no second process

    def read(number: int) -> Answer | DataError:
        return answer_to(pictures[number], reader)

    with closing(on_all_cores(read, count, alone=STANDARD_INPUT in pictures)) as answers:
        if not sys.stderr.isatty():
            yield from answers
            return
        from bpnet.cli.predict_bar import with_bar

        yield from with_bar(answers, count)


def answer_to(picture: str | DataError, reader: PictureReader) -> Answer | DataError:
    """Return the answer for a picture, or why it cannot be read.

    Args:
        picture: its path or address, or a dash; or what is wrong with its name.
        reader: reads it.

    Raises:
        DivergedError: the network answers with numbers that are not finite.
    """
    if isinstance(picture, DataError):
        return picture
    try:
        return reader.read(*opened(picture))
    except DataError as error:
        return error


def opened(picture: str) -> tuple[str, Path | BinaryIO]:
    """Return the name of a picture as answers show it, and where its bytes come from.

    Raises:
        DataError: it cannot be downloaded, or standard input cannot be read.
    """
    if picture == STANDARD_INPUT:
        from io import BytesIO

        from bpnet.cli.standard_input import read_standard_input  # what reads files needs it not
        from bpnet.data.reading.cost import MOST_BYTES

        try:
            return picture, BytesIO(read_standard_input(MOST_BYTES + 1))
        except OSError as error:
            what = "a picture cannot be opened"
            raise DataError(what, where="standard input", found=reason(error)) from error
    from bpnet.library.picture_reader import source_of

    return source_of(picture)


def pass_on(
    answers: Iterable[Answer | DataError],
    write: Write,
    keep: Callable[[list[Image]], None],
    count: int,
) -> DataError | None:
    """Write each answer as it comes; return an error where pictures could not be read."""
    unreadable = 0
    for answer in answers:
        if not isinstance(answer, DataError):
            with undivided():  # half an answer would spoil the document
                write(answer.entry)
                keep(answer.rows)
        elif count == 1:
            return answer
        else:
            unreadable += 1
            where, found = answer.parts["where"], answer.parts["found"]
            note(f"{where}: {answer.what}" + (f" ({found})" if found else ""))
    if not unreadable:
        return None
    return DataError(
        f"{unreadable:,} of {count:,} pictures could not be read",
        hint="look at the messages above, which name them",
    )
