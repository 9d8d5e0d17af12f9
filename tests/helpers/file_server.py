"""A web server on this machine that behaves as badly as a test wants."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; the answers below write to it."""

    server: "FileServer"

    def do_GET(self) -> None:
        number = len(self.server.requests)
        self.server.requests.append((self.path, self.headers.get("Range")))
        answers = self.server.answers
        answers[min(number, len(answers) - 1)](self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


class FileServer(ThreadingHTTPServer):
    """Gives each request its answer in turn, the last one for ever."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.answers = answers
        self.requests: list[tuple[str, str | None]] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/files"

    @property
    def ranges(self) -> list[str | None]:
        return [asked for _, asked in self.requests]


@contextmanager
def serving(*answers: Answer) -> Iterator[FileServer]:
    with FileServer(answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


def whole(content: bytes) -> Answer:
    """Send everything whatever the request says."""

    def answer(request: Request) -> None:
        request.head(200, Content_Length=len(content))
        request.wfile.write(content)

    return answer


def ranged(content: bytes) -> Answer:
    """Send what the request asks for."""

    def answer(request: Request) -> None:
        asked = request.headers.get("Range")
        if asked is None:
            whole(content)(request)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        rest = content[start:]
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        request.head(206, Content_Length=len(rest), Content_Range=span)
        request.wfile.write(rest)

    return answer


def cut(content: bytes, count: int) -> Answer:
    """Announce everything, send the first `count` bytes, go away."""

    def answer(request: Request) -> None:
        request.head(200, Content_Length=len(content))
        request.wfile.write(content[:count])

    return answer


def hanging(content: bytes, count: int) -> Answer:
    """Announce everything, send the first `count` bytes, then nothing more."""

    def answer(request: Request) -> None:
        cut(content, count)(request)
        request.wfile.flush()
        request.server.closing.wait(30)

    return answer


def silent(request: Request) -> None:
    """Accept the request and never answer."""
    request.server.closing.wait(30)


def slow(content: bytes, pieces: int, pause: float) -> Answer:
    """Send everything in pieces, with a pause in seconds after each."""

    def answer(request: Request) -> None:
        request.head(200, Content_Length=len(content))
        step = -(-len(content) // pieces)
        for start in range(0, len(content), step):
            request.wfile.write(content[start : start + step])
            request.wfile.flush()
            time.sleep(pause)

    return answer


def endless(request: Request) -> None:
    """Send zeros without a length, for as long as anyone listens."""
    request.head(200)
    try:
        while not request.server.closing.is_set():
            request.wfile.write(bytes(1 << 16))
    except OSError:
        pass


def status(code: int) -> Answer:
    """Answer with a status and nothing else."""
    return lambda request: request.head(code, Content_Length=0)


def web_page(request: Request) -> None:
    """Send the page of a login portal."""
    page = b"<!DOCTYPE html><html><body>Please log in</body></html>"
    request.head(200, Content_Type="text/html; charset=utf-8", Content_Length=len(page))
    request.wfile.write(page)


def by_path(answers: dict[str, Answer]) -> Answer:
    """Answer by the last part of the path, 404 for others."""

    def answer(request: Request) -> None:
        answers.get(request.path.rsplit("/", 1)[-1], status(404))(request)

    return answer


def dripping(head: bytes, drop: bytes, pause: float) -> Answer:
    """Send raw bytes, then one drop after the other for as long as anyone listens."""

    def answer(request: Request) -> None:
        try:
            request.wfile.write(head)
            while not request.server.closing.wait(pause):
                request.wfile.write(drop)
        except OSError:
            pass
        request.close_connection = True

    return answer


def redirect(location: str, then: Answer | None = None) -> Answer:
    """Send the reader elsewhere, with a page that `then` writes."""

    def answer(request: Request) -> None:
        request.send_response(302)
        request.send_header("Location", location)
        if then is None:
            request.send_header("Content-Length", "0")
        request.end_headers()
        if then is not None:
            then(request)

    return answer
