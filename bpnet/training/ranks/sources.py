"""Get a data set on every rank: from its own disk, or from rank 0 where it is not there."""

from __future__ import annotations

from collections.abc import Callable

from bpnet.data.dataset import Dataset
from bpnet.training.ranks.ranks import Ranks
from bpnet.training.ranks.remote import DatasetFacts

SOURCES = DISK, _ = "disk", "rank0"  # where a rank's samples may be told to come from


def load_on_ranks(
    ranks: Ranks, source: str | None, is_here: Callable[[], bool], load: Callable[[], Dataset]
) -> Dataset:
    """Return the data set that is here, or else what this rank has to know of it.

    Rank 0 loads it first, so it may download it, or draw it, to a disk that others see.

    Args:
        ranks: all of them; they learn which are served by rank 0.
        source: where this rank's samples come from, `disk` or `rank0`; None to look what is there.
        is_here: whether this machine has the data set.
        load: get it, by all means.

    Raises:
        BpnetError: what `is_here` or `load` raised.
        RankError: another rank has failed.
    """

    def own() -> Dataset | None:
        if ranks.leads or source == DISK or (source is None and is_here()):
            return load()
        return None

    found = ranks.first(own)
    lacking = ranks.gather(found is None)
    ranks.served = ranks.share(lambda: [rank for rank, lacks in enumerate(lacking) if lacks])
    if ranks.served:
        facts = ranks.share(lambda: DatasetFacts.of(found) if found else None)
        if found is None and facts is not None:
            return facts.dataset()
    assert found is not None
    return found
