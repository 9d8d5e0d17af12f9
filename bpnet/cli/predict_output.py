"""Write the answers of `predict` to a file that grows, and goes on after any interruption."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bpnet.bulk.answer_file import AnswerFile, growing_file
from bpnet.bulk.lines import CSV, JSONL, Lines, in_words
from bpnet.bulk.work_record import WorkRecord
from bpnet.cli.output import note, show, show_json
from bpnet.cli.signals import StopSignal, undivided
from bpnet.errors import BpnetError, ConfigError, DataError, DivergedError
from bpnet.model.checkpoint import content_digest
from bpnet.model.forms import RECORD

if TYPE_CHECKING:
    from bpnet.bulk.answering import Done
    from bpnet.cli.predict_many import ManyPictures
    from bpnet.model.checkpoint import Checkpoint

FORMS = {".jsonl": JSONL, ".csv": CSV}
GOES_ON = "the same command goes on after the last answer"


def form_of(output: Path, chosen: str) -> str:
    """Return the form of the lines of a file.

    Args:
        output: its name, which tells if no option does.
        chosen: by an option: `jsonl`, `csv`, or anything else for none.

    Raises:
        ConfigError: nothing tells.
    """
    form = chosen if chosen in (JSONL, CSV) else FORMS.get(output.suffix.lower())
    if form is None:
        raise ConfigError(
            "the name does not tell in which form answers are written",
            where="--output",
            expected="a name that ends in .jsonl or .csv, or one of --jsonl and --csv",
            found=output,
        )
    return form


def write_answers(
    many: ManyPictures, output: Path, rest: Mapping[str, object], *, overwrite: bool, as_json: bool
) -> DataError | None:
    """Answer all pictures into a file, from where it ends, and say where it is.

    Args:
        many: the pictures.
        output: the file.
        rest: what a document tells besides.
        overwrite: replace a finished file, and drop answers that were begun otherwise.
        as_json: tell what was written as a document.

    Returns:
        An error where pictures could not be read.

    Raises:
        DataError: the file cannot be written, or is there already.
        ConfigError: answers were begun with other pictures, weights or options.
        BpnetError: a signal has ended it, or a cluster has failed.
    """
    job = many.answerer.job
    assert job.form is not None
    record, lines = _record(many, job.form), Lines(job.form, job.wishes)
    with growing_file(output, record, lines, overwrite=overwrite) as answers:
        if answers.done:
            note(f"{answers.done:,} of {record.pictures:,} pictures are answered already")
        try:
            _go_on(many, answers)
        except StopSignal as stop:
            raise stop.error(str(stop), where=answers.path, hint=GOES_ON) from stop
        except BpnetError as error:
            if not isinstance(error, (ConfigError, DivergedError)):  # these would come again
                error.parts["try"] = error.parts["try"] or GOES_ON
            raise
    place = str(output.absolute())
    if as_json:
        counts = {"pictures": answers.done, "unreadable": answers.unreadable}
        show_json({"output": place, **counts, **rest})
    else:
        show(place)
    if not answers.unreadable:
        return None
    return DataError(
        f"{answers.unreadable:,} of {answers.done:,} pictures could not be read",
        where=output,
        hint="the lines of these pictures tell why",
    )


def _record(many: ManyPictures, form: str) -> WorkRecord:
    """Return what the answers depend on."""
    job = many.answerer.job
    return WorkRecord(
        pictures=many.pictures.count,
        names=many.pictures.fingerprint(),
        checkpoint=_digest(job.checkpoint),
        form=form,
        views=job.views,
        top=job.wishes.top,
        segment=job.wishes.segment,
        min_probability=job.wishes.least,
    )


def _digest(checkpoint: Checkpoint) -> str:
    """Return the SHA-256 of the weights and the record that are in memory.

    Their file may have been replaced since they were read.
    """
    record = json.dumps(checkpoint.record, sort_keys=True).encode()
    loaded = checkpoint.arrays | {RECORD: np.frombuffer(record, dtype=np.uint8)}
    return content_digest(loaded).hex()


def _go_on(many: ManyPictures, answers: AnswerFile) -> None:
    """Answer the pictures that follow, and tell which of them cannot be read."""
    with closing(many.chunks(answers.done)) as chunks:
        shown = chunks
        if sys.stderr.isatty():
            from bpnet.cli.predict_bar import with_bar

            shown = with_bar(chunks, many.pictures.count, done=answers.done, pictures=_count)
        for done in shown:
            with undivided():
                answers.append(done.content, done.count, len(done.errors))
            for error in done.errors.values():
                note(f"{error.parts['where']}: {in_words(error)}")


def _count(done: Done) -> int:
    return done.count
