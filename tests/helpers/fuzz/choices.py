"""Make inputs out of bytes that a fuzzer chooses."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
ODD_BYTES = (
    *(b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"),
    *(b"\x1b[31m", b"'", b'"', b"(", b"[", b"{", b"=", b"\n", b"-1", b"NaN", b"1e999", b"\xc3("),
)


class Choices:
    """Take one decision after the other from bytes; once they are used up, the first choice.

    So every input belongs to some bytes, and shorter ones make simpler inputs: a fuzzer that knows
    nothing but bytes changes, crosses and shortens inputs of any structure.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes, zeros where there are none left."""
        taken = self.data[self.place : self.place + count]
        self.place += count
        return taken.ljust(count, b"\0")

    def number(self, limit: int) -> int:
        """Return a number from 0 up to, but not including, `limit`."""
        size = 1 if limit <= 1 << 8 else 4
        return int.from_bytes(self.take(size), "big") % max(limit, 1)

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[self.number(len(items))]

    def rest(self) -> bytes:
        """Return all bytes that are left."""
        taken = self.data[self.place :]
        self.place = len(self.data)
        return taken


def damaged(content: bytes, choices: Choices) -> bytes:
    """Return the content with up to four changes: bytes replaced, inserted, removed or repeated."""
    for _ in range(choices.number(5)):
        place, length = choices.number(len(content) + 1), choices.number(64)
        before, after = content[:place], content[place:]
        match choices.number(6):
            case 0:
                content = before + choices.take(1) + after[1:]
            case 1:
                odd = choices.pick(ODD_BYTES)
                content = before + odd + after[len(odd) :]
            case 2:
                content = before + choices.pick(ODD_BYTES) + after
            case 3:
                content = before + after[length:]
            case 4:
                content = before + after[:length] * (1 + choices.number(40)) + after[length:]
            case _:
                content = before
    return content
