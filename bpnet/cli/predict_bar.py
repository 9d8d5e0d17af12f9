"""Show how far the reading of many pictures has come."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def with_bar(
    items: Iterator[Item],
    count: int,
    *,
    done: int = 0,
    pictures: Callable[[Item], int] = lambda item: 1,
) -> Generator[Item]:
    """Yield the items under a bar, which makes room for what is written meanwhile.

    Args:
        items: what was read.
        count: of pictures.
        done: how many were read before.
        pictures: returns how many pictures an item stands for.
    """
    from tqdm import tqdm  # only what draws bars pays for its import

    with tqdm(total=count, initial=done, desc="reading", unit="picture", leave=False) as bar:
        for item in items:
            with tqdm.external_write_mode(file=sys.stderr):
                yield item
            bar.update(pictures(item))
