"""Read the digit in each picture."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import options
from bpnet.cli.checkpoints import CHECKPOINT, open_checkpoint
from bpnet.cli.command import BpnetCommand
from bpnet.cli.output import note, show
from bpnet.cli.signals import undivided
from bpnet.disk import FILE, what_is_at
from bpnet.errors import DataError
from bpnet.library.opening import described
from bpnet.model.run_files import WEIGHTS

if TYPE_CHECKING:
    from PIL.Image import Image

    from bpnet.library.picture_reader import Answer, PictureReader, Wishes
    from bpnet.nn.layer import Shape

STANDARD_INPUT = "-"
USUAL = (".png", ".jpg", ".jpeg")  # ends of names that are no arrays'

Write = Callable[[dict[str, Any]], None]


@click.command(
    cls=BpnetCommand,
    examples={
        "predict PICTURE": "a picture that ships with bpnet",
        "predict --checkpoint last PICTURE": "with the newest run",
        "predict --explain out.png PICTURE": "draw how the answer came about",
        "predict --top 1 --csv PICTURE": "a table for other programs",
        "predict train-images-idx3-ubyte.gz -o answers.jsonl": "all pictures of an array",
        "predict scans --scheduler tcp://10.0.0.1:8786": "on a Dask cluster",
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
@click.option("--jsonl", is_flag=True, help="Write one JSON document per picture, each in a line.")
@click.option("--csv", is_flag=True, help="Write a table of comma-separated values.")
@click.option(
    "-o",
    "--output",
    type=options.PathType(".jsonl", ".csv"),
    metavar="FILE.jsonl|FILE.csv",
    help="Write the answers there; whatever interrupts that, the same command goes on.",
)
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace the file of --output, and answers begun with other pictures or options.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Answer on the workers of the Dask cluster with this scheduler; they need bpnet, and the "
    "pictures under the same path.",
)
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
    output: Path | None,
    overwrite: bool,
    scheduler: str | None,
) -> None:
    """Read the digit in each picture; `-` reads one from standard input.

    IMAGE is a file, a folder, which is searched to any depth, a pattern in quotes, such as
    'scans/**/*.png', a web address, or an array of grey pictures: an IDX file, or .npy of unsigned
    bytes (pictures, height, width). Drawings, scans and photographs will do, dark on light or light
    on dark. A blank picture gets a warning and no digit. Pictures of an array that are as large as
    those of the training go into the network as they are, many at a time.

    For millions of pictures, --output keeps what is answered, and the machines of --scheduler, or
    of `mpirun -n N bpnet predict`, share the work.
    """
    from bpnet.machine import single_blas_thread

    if overwrite and output is None:
        raise click.UsageError("--overwrite goes with --output.")
    form = options.only_one(json=as_json and output is None, jsonl=jsonl, csv=csv)
    pictures, arrays = find(images)
    ranks = click.get_current_context().obj  # those that mpirun has started with this process
    around = None
    if arrays or output is not None or scheduler is not None or ranks is not None:
        from bpnet.cli.predict_many import Surroundings

        around = Surroundings(output, form, scheduler, ranks)
        around.check(pictures, explains=explain is not None)
    if explain is not None:
        from bpnet.report.pages import check_place

        check_place(explain, [picture for picture in pictures if isinstance(picture, str)])
    with single_blas_thread():  # products this small would only wait for a second thread
        from bpnet.library.picture_reader import FEW, PictureReader, Wishes

        opened = open_checkpoint(checkpoint or WEIGHTS)
        if checkpoint is not None and form != "json":
            note(f"checkpoint {described(opened.name, opened.epoch)}")
        many = segment or len(pictures) > FEW or bool(arrays)
        model = opened.checkpoint.model(fast=many)  # for few digits, the textbook is fast enough
        if checkpoint is not None:
            from bpnet.cli.predict_form import tell_form

            opened.warnings.extend(tell_form(model, quiet=form == "json"))
        wishes = Wishes(segment, min_probability, min(top, len(model.class_names)), bool(explain))
        named = {"checkpoint": opened.name, "epoch": opened.epoch, "warnings": opened.warnings}
        rest = {"views": views} | named
        work = None
        if around is not None:
            work = around.work(pictures, arrays, opened, model, wishes, views)
        if work is not None and output is not None:
            from bpnet.cli.predict_output import write_answers

            failure = write_answers(work, output, rest, overwrite=overwrite, as_json=as_json)
        else:
            if work is None:
                reader = PictureReader(model, opened.checkpoint.path, views, wishes)
                answers, count = answers_to(pictures, reader), len(pictures)
            else:
                answers, count = work.answers(), work.pictures.count
            failure = print_answers(answers, count, form, rest, wishes, explain)
    if views > 1 and form == "text":
        note(options.averaged_over(views))
    if failure is not None:
        raise failure


def find(words: Sequence[str]) -> tuple[list[str | DataError], dict[int, Shape]]:
    """Return what the words stand for, and the shapes of those that are arrays, by their places.

    An error stands for a word behind which there are no pictures.
    """
    if all(word.lower().endswith(USUAL) and what_is_at(Path(word)) == FILE for word in words):
        return list(words), {}  # no need to know of folders, patterns, addresses and arrays
    from bpnet.cli.predict_several import find_several

    return find_several(words)


def print_answers(
    answers: Generator[Answer | DataError],
    count: int,
    form: str,
    rest: Mapping[str, object],
    wishes: Wishes,
    explain: Path | None,
) -> DataError | None:
    """Write all answers as they come, and draw them there; return an error of unreadable ones."""
    with ExitStack() as held:
        write = held.enter_context(written(form, rest, wishes))
        keep = None
        if explain is not None:
            from bpnet.report.pages import Pages

            keep = held.enter_context(Pages(explain)).add
        held.enter_context(closing(answers))
        return pass_on(answers, write, keep, count)


def written(form: str, rest: Mapping[str, object], wishes: Wishes) -> AbstractContextManager[Write]:
    """Return what writes each answer; leaving its context finishes the output."""
    if form == "text":
        return nullcontext(tell)
    from bpnet.cli import predict_formats as formats

    if form == "json":
        return formats.one_document(rest)
    return formats.json_lines() if form == "jsonl" else formats.comma_separated(wishes)


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
    if len(pictures) == 1:
        yield answer_to(pictures[0], reader)
        return
    from bpnet.cli.predict_several import answers_to_several  # one needs no second process

    yield from answers_to_several(
        lambda number: answer_to(pictures[number], reader),
        len(pictures),
        alone=STANDARD_INPUT in pictures,
    )


def answer_to(picture: str | DataError, reader: PictureReader) -> Answer | DataError:
    """Return the answer for a picture, or why it cannot be read.

    Args:
        picture: its path or address, or a dash; or what is wrong with its name.
        reader: reads it.

    Raises:
        DivergedError: the network answers with numbers that are not finite.
    """
    from bpnet.library.picture_reader import source_of

    if isinstance(picture, DataError):
        return picture
    try:
        if picture == STANDARD_INPUT:
            from bpnet.cli.standard_input import standard_picture  # what reads files needs it not

            return reader.read(picture, standard_picture())
        return reader.read(*source_of(picture))
    except DataError as error:
        return error


def pass_on(
    answers: Iterable[Answer | DataError],
    write: Write,
    keep: Callable[[list[Image]], None] | None,
    count: int,
) -> DataError | None:
    """Write each answer as it comes; return an error where pictures could not be read."""
    unreadable = 0
    for answer in answers:
        if not isinstance(answer, DataError):
            with undivided():  # half an answer would spoil the document
                write(answer.entry)
                if keep is not None:
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
