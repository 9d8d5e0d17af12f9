"""Ask one server for one file, and say in a few words why it does not deliver."""

import os
import queue
import threading
from collections.abc import Iterator, Sequence

import requests
import urllib3

from bpnet import __version__
from bpnet.errors import ConfigError

BLOCK = 1 << 14  # bytes; an unfinished block is lost when a server stalls


class MirrorError(Exception):
    """Report why a mirror did not deliver, and whether another try may help."""

    def __init__(self, reason: str, *, try_again: bool) -> None:
        super().__init__(reason)
        self.try_again = try_again


def mirrors_in_order(preferred: str | None, known: Sequence[str]) -> list[str]:
    """Return the mirrors to ask: `preferred`, else BPNET_MIRROR, then those known.

    Raises:
        ConfigError: the preferred mirror is not a web address.
    """
    preferred = preferred or os.environ.get("BPNET_MIRROR")
    if not preferred:
        return list(known)
    if not preferred.lower().startswith(("http://", "https://")):
        raise ConfigError(
            "the mirror is not a web address",
            where="--mirror or BPNET_MIRROR",
            expected="http://… or https://…, the folder that holds the files",
            found=preferred,
            hint="for files on this machine use: bpnet data import DIR",
        )
    return list(dict.fromkeys([preferred, *known]))


def ask(url: str, *, start: int, timeouts: tuple[float, float], wait: float) -> requests.Response:
    """Return the answer to a request for a file, its body still unread.

    A thread asks, because neither the look-up of a name nor headers that come a byte at a time
    obey the timeouts of requests; it is abandoned once the time is up.

    Args:
        url: the address of the file.
        start: how many of its first bytes are not needed.
        timeouts: seconds for a connection, and for the next bytes.
        wait: seconds for the answer, connection included.

    Raises:
        MirrorError: there is no answer.
    """
    headers = {"User-Agent": f"bpnet/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    answers: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()
    is_late = threading.Event()

    def request() -> None:
        try:
            response = requests.get(url, headers=headers, stream=True, timeout=timeouts)
        except Exception as error:  # whatever it is, it goes to the caller
            answers.put(error)
        else:
            answers.put(response)
            if is_late.is_set():
                response.close()

    threading.Thread(target=request, daemon=True).start()
    try:
        answer = answers.get(timeout=wait)
    except queue.Empty:
        is_late.set()
        raise MirrorError("no answer in time", try_again=True) from None
    if isinstance(answer, Exception):
        raise _explain(answer) from answer
    return answer


def blocks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body of an answer as the server sends it, without undoing any compression.

    Raises:
        MirrorError: the body ends too early.
    """
    try:
        yield from response.raw.stream(BLOCK, decode_content=False)
    except urllib3.exceptions.TimeoutError as error:
        raise MirrorError("it stopped sending", try_again=True) from error
    except urllib3.exceptions.HTTPError as error:
        raise MirrorError("the connection broke", try_again=True) from error


def _explain(error: Exception) -> MirrorError:
    """Return why a request got no answer."""
    if isinstance(error, requests.ConnectTimeout):
        return MirrorError("no connection in time", try_again=True)
    if isinstance(error, requests.Timeout):
        return MirrorError("no answer in time", try_again=True)
    root: BaseException = error
    while inner := root.__cause__ or root.__context__:
        root = inner
    reason = (isinstance(root, OSError) and root.strerror) or str(root)
    if isinstance(error, requests.exceptions.SSLError):
        return MirrorError(f"no secure connection ({reason})", try_again=False)
    if isinstance(error, requests.ConnectionError):
        return MirrorError(f"no connection ({reason})", try_again=True)
    return MirrorError(f"no answer ({reason})", try_again=False)
