"""Let chunks be answered by this machine, by MPI ranks or by a Dask cluster, and come in order."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from bpnet.bulk.answering import Answerer, Done, Job, answer_elsewhere, demand_shared
from bpnet.cluster import RETRIES, Workforce, connected
from bpnet.errors import BpnetError
from bpnet.library.many_pictures import on_all_cores

if TYPE_CHECKING:
    from bpnet.bulk.picture_list import PictureList
    from bpnet.bulk.ranks import RankPool

EACH = 2  # chunks that a worker has before it: while it answers one, the next is there
HELD = 4  # times as many may have been answered before their turn
LOOK = 2.0  # seconds between two looks at how many workers a cluster has

Result = TypeVar("Result")


def answered_here(pictures: PictureList, answerer: Answerer, numbers: range) -> Generator[Done]:
    """Yield the chunks of these numbers in order, answered by all cores of this machine."""
    yield from on_all_cores(lambda place: answerer.answer(pictures[numbers[place]]), len(numbers))


def answered_by_ranks(
    pictures: PictureList, answerer: Answerer, numbers: range, ranks: RankPool
) -> Generator[Done]:
    """Yield the chunks of these numbers in order, answered by all ranks, this one included.

    Raises:
        BpnetError: a rank cannot answer.
    """
    submit = ranks.submitter(answerer.job)
    for done in in_order(
        lambda number: submit(pictures[number]),
        numbers,
        lambda: EACH * ranks.others,
        lambda number: answerer.answer(pictures[number]),
    ):
        demand_shared(done)
        yield done


def answered_by_cluster(
    pictures: PictureList, job: Job, numbers: range, address: str
) -> Generator[Done]:
    """Yield the chunks of these numbers in order, answered by the workers of a Dask cluster.

    A chunk whose worker dies goes to another one.

    Raises:
        BpnetError: there is no such cluster, or its workers cannot answer.
    """
    with connected(address) as client, _cluster_errors(address):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large weights, which cannot be avoided
            sent = client.submit(_as_it_is, job, pure=False)  # each worker receives it once
        executor = client.get_executor(pure=False, retries=RETRIES)
        for done in in_order(
            lambda number: executor.submit(answer_elsewhere, sent, pictures[number]),
            numbers,
            _capacity(Workforce(client, address)),
        ):
            demand_shared(done)
            yield done


def in_order(
    submit: Callable[[int], Future[Result]],
    numbers: range,
    capacity: Callable[[], int],
    here: Callable[[int], Result] | None = None,
) -> Generator[Result]:
    """Yield a result for each number in order, while others compute some of those that follow.

    Few results are in memory at a time, however many there are.

    Args:
        submit: lets somebody else compute a number.
        numbers: for which there are results.
        capacity: how many numbers the others shall have before them, at least one.
        here: computes a number in this process, which else would only wait.
    """
    waiting = iter(numbers)
    sent: dict[int, Future[Result]] = {}
    found: dict[int, Result] = {}

    def top_up() -> None:
        most = capacity()
        under_way = sum(not future.done() for future in sent.values())
        room = HELD * most - len(sent) - len(found)
        for number in islice(waiting, max(0, min(most - under_way, room))):
            sent[number] = submit(number)

    for due in numbers:
        top_up()
        while due not in found and not sent[due].done():
            own = next(waiting, None) if here is not None and len(found) < HELD else None
            if here is not None and own is not None:
                found[own] = here(own)
            else:
                wait([sent[due]], LOOK)
            top_up()
        yield found.pop(due) if due in found else sent.pop(due).result()


def _as_it_is(job: Job) -> Job:
    """Return a job: so Dask keeps it for all workers, and has it again when one has died."""
    return job


def _capacity(workforce: Workforce) -> Callable[[], int]:
    """Return what tells how many chunks a cluster shall have before it: workers come and go."""
    looked, threads = -LOOK, 1

    def capacity() -> int:
        nonlocal looked, threads
        if time.monotonic() - looked > LOOK:
            threads, looked = max(1, workforce.threads()), time.monotonic()
        return EACH * threads

    return capacity


@contextmanager
def _cluster_errors(address: str) -> Iterator[None]:
    """Say in words what goes wrong in a cluster.

    Raises:
        BpnetError: something did.
    """
    try:
        yield
    except BpnetError:
        raise
    except CancelledError as error:
        raise BpnetError("the cluster has given its work up", where=address) from error
    except Exception as error:
        raise BpnetError(
            "the workers of the cluster cannot answer",
            where=address,
            found=f"{type(error).__name__}: {error}",
            hint="each of them needs this bpnet; their own messages may tell more",
        ) from error
