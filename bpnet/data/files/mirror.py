"""Ask one server for one file, and say in a few words why it does not deliver."""

import http.client
import io
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import requests
import urllib3

from bpnet.data.files.patience import Allowance
from bpnet.version import __version__

BLOCK = 1 << 12  # bytes; an unfinished block is lost when a server stalls
MOST_REDIRECTS = 10
BUSY = {408, 425, 429}  # answers, besides 5xx, that may be different a little later


class MirrorError(Exception):
    """Report why a mirror did not deliver, and whether another try may help."""

    def __init__(self, reason: str, *, try_again: bool) -> None:
        super().__init__(reason)
        self.try_again = try_again


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
            with requests.Session() as session:
                session.max_redirects = MOST_REDIRECTS
                session.hooks["response"].append(_drop_body_of_redirect)
                response = session.get(url, headers=headers, stream=True, timeout=timeouts)
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
        raise _explain(answer) from None
    return answer


def _drop_body_of_redirect(response: requests.Response, **_: Any) -> None:
    """Keep requests from reading the page that comes with a redirect, which may be endless."""
    if response.is_redirect:
        response.close()
        response.raw = io.BytesIO()


def demand_file(response: requests.Response, expected: int = HTTPStatus.OK) -> None:
    """Make sure that an answer has the expected status and is no web page.

    Raises:
        MirrorError: it is another one.
    """
    status = response.status_code
    if status != expected:
        may_change = status >= 500 or status in BUSY
        phrase = f" {HTTPStatus(status).phrase}" if status in list(HTTPStatus) else ""
        raise MirrorError(f"it answers {status}{phrase}", try_again=may_change)
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise MirrorError("it sends a web page instead of the file", try_again=False)


def blocks(response: requests.Response, allowance: Allowance) -> Iterator[bytes]:
    """Yield the body of an answer as the server sends it, without undoing any compression.

    A thread reads, because a block whose bytes come one at a time obeys no timeout. The
    connection is shut down at the end, which also ends the thread.

    Args:
        response: the answer, its body unread.
        allowance: how long to wait; each block adds to it.

    Raises:
        MirrorError: the body ends too early, or comes too slowly.
    """
    received: queue.Queue[bytes | MirrorError] = queue.Queue(maxsize=16)
    connection = socket.fromfd(response.raw.fileno(), socket.AF_INET, socket.SOCK_STREAM)
    is_over = threading.Event()

    def read() -> None:
        for block in _read(response):
            received.put(block)
            if is_over.is_set():
                break

    threading.Thread(target=read, daemon=True).start()
    try:
        while block := _next_block(received, allowance):
            allowance.earn(len(block))
            yield block
    finally:
        is_over.set()
        with suppress(OSError), connection:
            connection.shutdown(socket.SHUT_RDWR)
        with suppress(queue.Empty):  # the thread may wait for room
            while True:
                received.get_nowait()


def _next_block(received: "queue.Queue[bytes | MirrorError]", allowance: Allowance) -> bytes:
    """Return the next block, empty at the end of the body."""
    try:
        block = received.get(timeout=allowance.left())
    except queue.Empty:
        reason = f"it stopped sending, or sends less than {allowance.lowest_rate:g} bytes a second"
        raise MirrorError(reason, try_again=True) from None
    if isinstance(block, MirrorError):
        raise block
    return block


def _read(response: requests.Response) -> Iterator[bytes | MirrorError]:
    """Yield the blocks of a body, then an empty one, or why there is none."""
    try:
        yield from filter(None, response.raw.stream(BLOCK, decode_content=False))
    except urllib3.exceptions.TimeoutError:
        yield MirrorError("it stopped sending", try_again=True)
    except Exception:  # whatever it is, it goes to the caller
        yield MirrorError("the connection broke", try_again=True)
    else:
        yield b""


def _explain(error: Exception) -> MirrorError:
    """Return why a request got no answer, never in the error's words: they quote addresses."""
    kinds = requests.exceptions
    if isinstance(error, (kinds.ProxyError, kinds.InvalidProxyURL)):
        return MirrorError("no connection through the proxy of HTTP(S)_PROXY", try_again=True)
    if isinstance(error, kinds.ConnectTimeout):
        return MirrorError("no connection in time", try_again=True)
    if isinstance(error, kinds.Timeout):
        return MirrorError("no answer in time", try_again=True)
    if isinstance(error, kinds.TooManyRedirects):
        return MirrorError("it redirects without end", try_again=False)
    reason = _reason(error)
    if isinstance(error, kinds.SSLError):
        return MirrorError(f"no secure connection ({reason})", try_again=False)
    if isinstance(error, kinds.ConnectionError):
        return MirrorError(f"no connection ({reason})", try_again=True)
    return MirrorError(f"no answer ({reason})", try_again=False)


def _reason(error: BaseException) -> str:
    """Return what lies at the root of an error: the system's words, or ours."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection"
    if isinstance(error, http.client.HTTPException):
        return "what it sends is not HTTP"
    if isinstance(error, ValueError):
        return "its address, or that of a proxy, is not valid"
    return type(error).__name__
