"""Show how far the reading of many pictures has come."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def with_bar(items: Iterator[Item], count: int) -> Generator[Item]:
    """Yield the items under a bar, which makes room for what is written meanwhile."""
    from tqdm import tqdm  # only what draws bars pays for its import

    with tqdm(total=count, desc="reading", unit="picture", leave=False) as bar:
        for item in items:
            with tqdm.external_write_mode(file=sys.stderr):
                yield item
            bar.update()
