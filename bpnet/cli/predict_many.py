"""Answer pictures chunk by chunk: those of arrays, all for a file, and all of several machines."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bpnet.bulk.answering import Answerer, Done, Job
from bpnet.bulk.picture_list import Picture, PictureList
from bpnet.bulk.streams import answered_by_cluster, answered_by_ranks, answered_here
from bpnet.data.reading.sources import STANDARD_INPUT
from bpnet.errors import ConfigError, DataError

if TYPE_CHECKING:
    from bpnet.bulk.ranks import RankPool
    from bpnet.library.opening import Opened
    from bpnet.library.picture_reader import Answer, Wishes
    from bpnet.model.model import Model
    from bpnet.nn.layer import Shape


@dataclass(frozen=True)
class Surroundings:
    """Say where answers are computed, and where they go.

    Args:
        output: the file for them; None prints them.
        form: of the output, by its options; `text` for none.
        scheduler: the address of a Dask cluster that computes them.
        ranks: those that mpirun has started with this process.
    """

    output: Path | None
    form: str
    scheduler: str | None
    ranks: RankPool | None

    def check(self, pictures: Sequence[Picture], *, explains: bool) -> None:
        """Make sure that all options go together, before anything is read.

        Raises:
            ConfigError: they do not, or the cluster needs a package.
        """
        if explains and self.output is not None:
            what = "pages are drawn of answers that are printed"
            raise ConfigError(what, where="--explain", hint="leave --output out")
        if self.scheduler is not None and self.ranks is not None:
            what = "a Dask cluster answers, or the ranks of mpirun do, but not both"
            raise ConfigError(what, where="--scheduler", hint="start the command without mpirun")
        if self.scheduler is not None:
            from bpnet.cluster import demand_dask

            demand_dask()
        if STANDARD_INPUT in pictures:
            raise ConfigError(
                "standard input can be read once, and by one process",
                where=STANDARD_INPUT,
                expected="a file, beside an array, with --output or --scheduler, or under mpirun",
                hint="save the picture in a file first",
            )
        if self.output is not None:
            from bpnet.cli.predict_output import form_of

            form_of(self.output, self.form)

    def work(
        self,
        pictures: Sequence[Picture],
        arrays: Mapping[int, Shape],
        opened: Opened,
        model: Model,
        wishes: Wishes,
        views: int,
    ) -> ManyPictures:
        """Return what answers pictures there.

        Args:
            pictures: files, addresses and errors.
            arrays: shapes of those files that hold arrays, by their places.
            opened: the checkpoint.
            model: its network.
            wishes: what is wanted of each picture.
            views: how many views of a picture are averaged.
        """
        form = None
        if self.output is not None:
            from bpnet.cli.predict_output import form_of

            form = form_of(self.output, self.form)
        job = Job(opened.checkpoint, views, wishes, not model.is_plain, form)
        answerer = Answerer(job, model)
        found = PictureList(pictures, arrays, answerer.rows() if arrays else {})
        return ManyPictures(found, answerer, self)


@dataclass(frozen=True)
class ManyPictures:
    """Hold pictures that are answered chunk by chunk, whoever does that.

    Args:
        pictures: all of them.
        answerer: answers a chunk.
        around: where that is done.
    """

    pictures: PictureList
    answerer: Answerer
    around: Surroundings = field(repr=False)

    def answers(self) -> Generator[Answer | DataError]:
        """Yield the answer to each picture in order, or why it cannot be read."""
        with closing(self.chunks()) as chunks:
            one_by_one = (answer for done in chunks for answer in done.answers)
            if not sys.stderr.isatty():
                yield from one_by_one
                return
            from bpnet.cli.predict_bar import with_bar

            yield from with_bar(one_by_one, self.pictures.count)

    def chunks(self, first: int = 0) -> Generator[Done]:
        """Yield the answers to all pictures from one on, chunk by chunk.

        Args:
            first: the number of that picture.
        """
        numbers = range(self.pictures.chunk_of(first), self.pictures.chunks)
        if not numbers:
            return
        known = first - self.pictures[numbers[0]].first
        with closing(self._stream(numbers)) as stream:
            yield next(stream).without(known)
            yield from stream

    def _stream(self, numbers: range) -> Generator[Done]:
        around = self.around
        if around.scheduler is not None:
            job = self.answerer.job
            return answered_by_cluster(self.pictures, job, numbers, around.scheduler)
        if around.ranks is not None:
            return answered_by_ranks(self.pictures, self.answerer, numbers, around.ranks)
        return answered_here(self.pictures, self.answerer, numbers)
