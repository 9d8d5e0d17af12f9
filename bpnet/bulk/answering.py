"""Answer a chunk of pictures, here or wherever it was sent."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from bpnet.bulk.lines import Lines
from bpnet.bulk.picture_list import Chunk, Picture, Rows, open_once
from bpnet.bulk.row_reader import RowReader
from bpnet.errors import BpnetError, DataError
from bpnet.library.picture_reader import Answer, PictureReader, Wishes, source_of
from bpnet.library.pictures import NamedPicture
from bpnet.machine import single_blas_thread
from bpnet.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from bpnet.model.checkpoint import Checkpoint
    from bpnet.model.model import Model
    from bpnet.nn.layer import Shape

SHARED = "every worker needs the pictures under the same path, as on a shared disk"


@dataclass(frozen=True)
class Job:
    """Describe how pictures are answered, in values that another process can receive.

    Args:
        checkpoint: the weights, which need no file where they are sent.
        views: how many views of a picture are averaged.
        wishes: what is wanted of each picture.
        fast: whether the network's layers are computed in the faster ways.
        form: of the lines that are wanted; None for answers.
        version: of the bpnet that has made it.
    """

    checkpoint: Checkpoint
    views: int
    wishes: Wishes
    fast: bool
    form: str | None
    version: str = __version__

    def model(self) -> Model:
        """Return the network."""
        return self.checkpoint.model(fast=self.fast)


@dataclass
class Done:
    """Hold the answers about a chunk.

    Args:
        count: of pictures.
        host: where they were answered.
        answers: one for each picture; none where lines are wanted.
        content: the lines of all pictures.
        errors: why pictures could not be read, by their places in the chunk.
        unopened: files that cannot be opened on the host, and why.
    """

    count: int
    host: str
    answers: list[Answer | DataError] = field(default_factory=list)
    content: bytes = b""
    errors: dict[int, DataError] = field(default_factory=dict)
    unopened: dict[str, str] = field(default_factory=dict)

    def without(self, first: int) -> Done:
        """Return the answers but for some of the first ones, in lines."""
        if not first:
            return self
        rest = self.content.split(b"\n", first)[first]
        errors = {place: error for place, error in self.errors.items() if place >= first}
        return Done(self.count - first, self.host, [], rest, errors, self.unopened)


class Answerer:
    """Answer one chunk after the other.

    Args:
        job: how.
        model: its network.
    """

    def __init__(self, job: Job, model: Model) -> None:
        self.job = job
        self.model = model
        self._lines = None if job.form is None else Lines(job.form, job.wishes)

    @cached_property
    def _pictures(self) -> PictureReader:
        job = self.job
        return PictureReader(self.model, job.checkpoint.path, job.views, job.wishes)

    @cached_property
    def _rows(self) -> RowReader:
        job = self.job
        return RowReader(self.model, job.checkpoint.path, job.views, job.wishes)

    def rows(self) -> dict[Shape, int]:
        """Return how many pictures of an array are answered together, by their shape.

        Those of another shape than the training's are read one by one, as files are.
        """
        wishes = self.job.wishes
        if wishes.segment or wishes.rows:
            return {}
        return {self._frame: self._rows.chunk}

    @property
    def _frame(self) -> Shape:
        return tuple(self.model.network.input_shape[1:])

    def answer(self, chunk: Chunk) -> Done:
        """Return the answers about a chunk; pictures that cannot be read have an error instead.

        Raises:
            DataError: an array cannot be read.
            DivergedError: the network answers with numbers that are not finite.
        """
        done = Done(len(chunk), socket.gethostname())
        found = list(self._answers(chunk))
        if self._lines is None:
            done.answers = found
        else:
            done.content = b"".join(
                self._lines.unreadable(one)
                if isinstance(one, DataError)
                else self._lines.line(one.entry)
                for one in found
            )
        done.errors = {n: one for n, one in enumerate(found) if isinstance(one, DataError)}
        for place, error in done.errors.items():
            name, pictures = str(error.parts["where"]), chunk.pictures
            began_here = isinstance(pictures, Rows) or pictures[place] is not error
            if began_here and not os.access(name, os.R_OK):
                done.unopened[name] = str(error.parts["found"])
        return done

    def _answers(self, chunk: Chunk) -> Iterator[Answer | DataError]:
        pictures = chunk.pictures
        if not isinstance(pictures, Rows):
            yield from map(self._answer, pictures)
            return
        pixels = _pixels(pictures)
        if pixels.shape[1:] in self.rows():
            yield from (Answer(entry, []) for entry in self._rows.read(pictures, pixels))
            return
        for place, picture in enumerate(pixels):
            yield self._answer_pixels(pictures.name(pictures.start + place), picture)

    def _answer(self, picture: Picture) -> Answer | DataError:
        """Return the answer for a file or an address, or why it cannot be read."""
        if isinstance(picture, DataError):
            return picture
        try:
            return self._pictures.read(*source_of(picture))
        except DataError as error:
            return error

    def _answer_pixels(self, name: str, pixels: NDArray[np.uint8]) -> Answer | DataError:
        """Return the answer for grey pixels (height, width), or why they cannot be read."""
        try:
            return self._pictures.read(name, NamedPicture(name, pixels).stream())
        except DataError as error:
            error.parts["where"] = name
            return error


def _pixels(rows: Rows) -> NDArray[np.uint8]:
    """Return pictures of an array (pictures, height, width).

    Raises:
        DataError: it cannot be read, or is another one than that which was divided into chunks.
    """
    array = open_once(rows.path)
    if len(array) < rows.stop:
        raise DataError(
            "the array is another one here than where the command was started",
            where=rows.path,
            expected=f"at least {rows.stop:,} pictures",
            found=f"{len(array):,}",
            hint="leave the file as it is until all is answered",
        )
    return array[rows.start : rows.stop]


_held = threading.local()  # the answerer of each thread: workers may have several


def answer_elsewhere(job: Job, chunk: Chunk) -> Done:
    """Answer a chunk in a worker, which prepares the network once for each of its threads.

    Raises:
        BpnetError: the worker has another bpnet, or the chunk cannot be answered there.
    """
    if job.version != __version__:
        raise BpnetError(
            "a worker has another bpnet",
            where=socket.gethostname(),
            expected=job.version,
            found=__version__,
            hint="install the same one everywhere",
        )
    with single_blas_thread():
        answerer: Answerer | None = getattr(_held, "answerer", None)
        if answerer is None or answerer.job is not job:
            answerer = _held.answerer = Answerer(job, job.model())
        try:
            return answerer.answer(chunk)
        except DataError as error:
            error.parts["where"] = f"{error.parts['where']}, on {socket.gethostname()}"
            error.parts["try"] = SHARED
            raise


def demand_shared(done: Done) -> None:
    """Make sure that a worker can open the pictures that can be opened here.

    Raises:
        DataError: it cannot open one.
    """
    for name, found in done.unopened.items():
        if os.access(name, os.R_OK):
            raise DataError(
                "a worker cannot open a picture that can be opened here",
                where=f"{name}, on {done.host}",
                found=found,
                hint=SHARED,
            )
