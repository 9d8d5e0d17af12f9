"""A mirror that is too slow gives way to the next one; a slow line is no reason to give up."""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bpnet.data.files.download import download
from bpnet.data.files.patience import Allowance, Patience
from bpnet.data.files.remote import DownloadObserver, RemoteFile
from bpnet.errors import DataError
from tests.helpers.file_server import (
    Answer,
    Request,
    cut,
    dripping,
    endless,
    ranged,
    redirect,
    serving,
    slow,
    whole,
)

CONTENT = np.random.default_rng(1).bytes(100_000)
FILE = RemoteFile("images.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
OK = b"HTTP/1.1 200 OK\r\n"
SHORT = Patience(connect=1, read=0.4, total=2.0, lowest_rate=200_000, pause=0.01, lock=20)
STUBBORN = replace(SHORT, total=60, rounds=8)  # a mirror that stalls once is asked again
EVER = 0.01  # seconds between the drops of a server that goes on for ever


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def bursts(request: Request) -> None:
    """Send some bytes of what is asked for, then pause for a little less than is allowed."""
    start = int((request.headers.get("Range") or "bytes=0-")[6:-1])
    rest = CONTENT[start:]
    span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    request.head(206 if start else 200, Content_Length=len(rest), Content_Range=span)
    for place in range(0, len(rest), 4096):
        request.wfile.write(rest[place : place + 4096])
        if request.server.closing.wait(0.35):
            return


ENDLESS = {
    "a body byte by byte": dripping(OK + b"Content-Length: 100000\r\n\r\n", b"x", EVER),
    "a body without a length": dripping(OK + b"\r\n", b"x", EVER),
    "tiny chunks": dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", EVER),
    "half a chunk's length": dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0", EVER),
    "a header byte by byte": dripping(OK + b"X: ", b"x", EVER),
    "headers": dripping(OK, b"X: x\r\n", 0),
    "answers before the answer": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", EVER),
    "a status line": dripping(b"HTTP/1.1 200 ", b"O", EVER),
    "redirects": redirect("/files/images.gz"),
    "a redirect with an endless page": redirect("/files/images.gz", endless),
    "a redirect with a slow page": redirect("/files/images.gz", dripping(b"", b"x", EVER)),
    "bursts with pauses": bursts,
    "gzip": dripping(OK + b"Content-Encoding: gzip\r\n\r\n", b"\x1f\x8b" + bytes(1 << 16), 0),
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("bpnet.data.files.patience.time.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=list(ENDLESS))
def test_the_next_mirror_gets_its_turn(tmp_path: Path, answer: Answer) -> None:
    with serving(answer) as bad, serving(ranged(CONTENT)) as good:
        path = download(FILE, tmp_path, [bad.url, good.url], patience=STUBBORN)
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in tmp_path.iterdir()] == ["images.gz"]


def test_all_mirrors_together_have_an_end(tmp_path: Path) -> None:
    """The time is a generous one: the machine may be busy."""
    kinds = ["a body byte by byte", "a header byte by byte", "bursts with pauses"]
    begin = time.monotonic()
    with (
        serving(ENDLESS[kinds[0]]) as first,
        serving(ENDLESS[kinds[1]]) as second,
        serving(ENDLESS[kinds[2]]) as third,
        pytest.raises(DataError, match="less than 200000 bytes a second"),
    ):
        download(FILE, tmp_path, [first.url, second.url, third.url], patience=SHORT)
    assert time.monotonic() - begin < 20


def test_bytes_of_later_rounds_do_not_renew_the_patience(tmp_path: Path) -> None:
    patience = Patience(connect=1, read=0.4, total=1.0, lowest_rate=200_000, rounds=1000, pause=0)
    with serving(bursts) as server, pytest.raises(DataError):
        download(FILE, tmp_path, [server.url], patience=patience)
    assert len(server.requests) < 20


def test_an_honest_slow_line_has_the_time_that_it_needs(tmp_path: Path, clock: list[float]) -> None:
    class SlowLine(DownloadObserver):
        def advance(self, count: int) -> None:
            clock[0] += count / 3000

    with serving(slow(CONTENT, pieces=40, pause=0.01)) as server:
        path = download(FILE, tmp_path, [server.url], progress=SlowLine())
    assert clock[0] > Patience.total  # the patience as such was used up
    assert path.read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_a_mirror_whose_body_ends_early_is_not_called_slow(tmp_path: Path) -> None:
    patience = Patience(pause=0.01)  # with time enough for a busy machine
    with serving(cut(CONTENT, 30_000)) as server, pytest.raises(DataError, match="connection"):
        download(FILE, tmp_path, [server.url], patience=patience)


def test_who_waits_for_the_lock_gets_its_turn(tmp_path: Path) -> None:
    with (
        serving(ENDLESS["a body byte by byte"]) as bad,
        serving(ranged(CONTENT)) as good,
        ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(download, FILE, tmp_path, [bad.url], patience=SHORT)
        while not bad.requests:
            time.sleep(0.01)
        path = download(FILE, tmp_path, [good.url], patience=STUBBORN)
        assert isinstance(first.exception(), DataError)
    assert path.read_bytes() == CONTENT


def test_no_thread_is_left(tmp_path: Path) -> None:
    before = threading.active_count()
    with serving(ENDLESS["a body byte by byte"]) as bad, serving(whole(CONTENT)) as good:
        download(FILE, tmp_path, [bad.url, good.url], patience=STUBBORN)
    deadline = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before  # one of an earlier test may have ended


class TestAllowance:
    def seconds_until_it_ends(self, clock: list[float], pause: float, count: int) -> float:
        """Return how long a server lasts that sends `count` bytes after each pause."""
        allowance = Allowance(5, 10, 2000)
        for _ in range(10_000):
            clock[0] += pause
            if not allowance.left():
                return clock[0]
            allowance.earn(count)
        return float("inf")

    def test_ends_for_a_byte_a_second(self, clock: list[float]) -> None:
        assert self.seconds_until_it_ends(clock, 1, 1) <= 6

    def test_ends_for_pauses_just_below_the_longest(self, clock: list[float]) -> None:
        assert self.seconds_until_it_ends(clock, 4.9, 4096) <= 10

    def test_lasts_for_a_modem(self, clock: list[float]) -> None:
        assert self.seconds_until_it_ends(clock, 4096 / 5000, 4096) == float("inf")

    def test_lasts_for_bursts_of_the_lowest_rate(self, clock: list[float]) -> None:
        assert self.seconds_until_it_ends(clock, 4, 8000) == float("inf")

    def test_a_quick_beginning_earns_no_more_than_the_longest_pause(
        self, clock: list[float]
    ) -> None:
        allowance = Allowance(5, 10, 2000)
        allowance.earn(10_000_000)
        assert allowance.left() == 10

    def test_is_not_behind_after_a_pause_of_ours(self, clock: list[float]) -> None:
        allowance = Allowance(5, 10, 2000)
        clock[0] = 1000
        allowance.earn(4000)
        assert allowance.left() == 2
