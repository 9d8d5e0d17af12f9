"""Fetch a file of which nothing is known but its address, as far as a limit allows."""

import time
from contextlib import closing

from bpnet.data.files.address import without_secrets
from bpnet.data.files.mirror import MirrorError, ask, blocks, demand_file
from bpnet.data.files.patience import Allowance, Patience
from bpnet.errors import DataError


def fetch(address: str, most: int, patience: Patience | None = None) -> bytes:
    """Return the content of the file at a web address.

    Args:
        address: with http or https.
        most: bytes that the file may have.
        patience: how long to wait and how often to try.

    Raises:
        DataError: the server does not deliver the file, or it is too large.
    """
    patience = patience or Patience()
    allowance = Allowance(patience.total, patience.total, patience.lowest_rate)
    pause = patience.pause
    for more in reversed(range(patience.rounds)):
        try:
            return _fetch_once(address, most, patience, allowance)
        except MirrorError as error:
            if not (more and error.try_again and allowance.left()):
                raise DataError(
                    "a file cannot be downloaded",
                    where=without_secrets(address),
                    found=str(error),
                    hint="check the address and the network, or download it with another program",
                ) from None
            time.sleep(min(pause, allowance.left()))
            pause *= 2
    raise AssertionError("at least one round")


def _fetch_once(address: str, most: int, patience: Patience, total: Allowance) -> bytes:
    """Return the content, or raise a MirrorError that says why there is none."""
    wait = min(patience.read, total.left())
    timeouts = patience.connect, patience.read
    allowance = Allowance(wait, patience.read, patience.lowest_rate)
    with closing(ask(address, start=0, timeouts=timeouts, wait=wait)) as response:
        demand_file(response)
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and (len(length) > 15 or int(length) > most):
            raise _too_large(most)
        content = bytearray()
        for block in blocks(response, allowance):
            total.earn(len(block))
            content += block
            if len(content) > most:
                raise _too_large(most)
    return bytes(content)


def _too_large(most: int) -> MirrorError:
    return MirrorError(f"it sends more than {most >> 20} MB", try_again=False)
