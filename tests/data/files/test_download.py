import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bpnet.data.files.download import download
from bpnet.data.files.patience import Patience
from bpnet.data.files.remote import DownloadObserver, RemoteFile
from bpnet.errors import DataError
from bpnet.locks import host_name
from tests.helpers.file_server import (
    Answer,
    FileServer,
    Request,
    cut,
    endless,
    hanging,
    ranged,
    serving,
    silent,
    slow,
    status,
    web_page,
    whole,
)
from tests.helpers.places import PROJECT

CONTENT = np.random.default_rng(1).bytes(100_000)
FILE = RemoteFile("images.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
OTHER = bytes(len(CONTENT))
QUICK = Patience(connect=1.0, read=0.3, total=5.0, rounds=3, pause=0.01, lock=20.0)
DEAD = "http://127.0.0.1:9/files"  # the port of the discard service: nobody listens


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("BPNET_MIRROR", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "set"


@pytest.fixture
def part(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder / "images.gz.part"


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def fetch(folder: Path, *mirrors: str, replace: bool = False) -> Path:
    return download(FILE, folder, mirrors, replace=replace, patience=QUICK)


def fetched(folder: Path, *answers: Answer) -> FileServer:
    """Download from a server that answers so, and check that all is well afterwards."""
    with serving(*answers) as server:
        assert fetch(folder, server.url).read_bytes() == CONTENT
    assert names_in(folder) == ["images.gz"]
    return server


def failed(folder: Path, *answers: Answer) -> tuple[str, FileServer]:
    with serving(*answers) as server, pytest.raises(DataError) as raised:
        fetch(folder, server.url)
    assert not (folder / "images.gz").exists()
    assert server.url in str(raised.value)
    assert "--mirror" in str(raised.value)
    return str(raised.value), server


def test_a_file_is_downloaded_into_a_new_directory(folder: Path) -> None:
    assert fetched(folder, whole(CONTENT)).requests == [("/files/images.gz", None)]


def test_a_gzip_file_served_as_an_encoding_stays_gzipped(folder: Path) -> None:
    def labelled(request: Request) -> None:
        request.head(200, Content_Encoding="gzip", Content_Length=len(CONTENT))
        request.wfile.write(CONTENT)

    fetched(folder, labelled)


def test_a_file_that_is_there_is_not_asked_for(folder: Path) -> None:
    fetched(folder, whole(CONTENT))
    assert fetch(folder, DEAD).read_bytes() == CONTENT


def test_another_content_is_replaced_only_on_demand(folder: Path, part: Path) -> None:
    (folder / "images.gz").write_bytes(b"precious")
    with serving(whole(CONTENT)) as server:
        with pytest.raises(DataError, match="other content"):
            fetch(folder, server.url)
        assert (folder / "images.gz").read_bytes() == b"precious"
        assert fetch(folder, server.url, replace=True).read_bytes() == CONTENT


class TestResuming:
    @pytest.mark.parametrize("done", [1, 40_000, len(CONTENT) - 1])
    def test_continues_where_an_earlier_run_ended(
        self, folder: Path, part: Path, done: int
    ) -> None:
        part.write_bytes(CONTENT[:done])
        assert fetched(folder, ranged(CONTENT)).ranges == [f"bytes={done}-"]

    def test_starts_over_where_the_server_ignores_ranges(self, folder: Path, part: Path) -> None:
        part.write_bytes(CONTENT[:40_000])
        fetched(folder, whole(CONTENT))

    def test_starts_over_where_the_server_refuses_the_range(self, folder: Path, part: Path) -> None:
        part.write_bytes(CONTENT[:40_000])
        assert fetched(folder, status(416), ranged(CONTENT)).ranges == ["bytes=40000-", None]

    def test_starts_over_where_the_server_sends_another_range(
        self, folder: Path, part: Path
    ) -> None:
        def wrong(request: Request) -> None:
            rest = CONTENT[50_000:]
            request.head(206, Content_Range="bytes 50000-99999/100000", Content_Length=len(rest))
            request.wfile.write(rest)

        part.write_bytes(CONTENT[:40_000])
        assert fetched(folder, wrong, ranged(CONTENT)).ranges == ["bytes=40000-", None]

    def test_takes_a_complete_part_without_asking(self, folder: Path, part: Path) -> None:
        part.write_bytes(CONTENT)
        assert fetched(folder, status(404)).requests == []

    @pytest.mark.parametrize("content", [OTHER, CONTENT + b"more", b""])
    def test_drops_a_part_that_cannot_be_right(
        self, folder: Path, part: Path, content: bytes
    ) -> None:
        part.write_bytes(content)
        assert fetched(folder, ranged(CONTENT)).ranges == [None]

    def test_a_part_with_wrong_bytes_costs_one_try_only(self, folder: Path, part: Path) -> None:
        part.write_bytes(OTHER[:40_000])
        assert fetched(folder, ranged(CONTENT)).ranges == ["bytes=40000-", None]

    def test_goes_on_after_the_server_went_away_mid_way(self, folder: Path) -> None:
        server = fetched(folder, cut(CONTENT, 30_000), ranged(CONTENT))
        assert server.ranges == [None, "bytes=30000-"]

    def test_goes_on_after_the_server_stalled(self, folder: Path) -> None:
        server = fetched(folder, hanging(CONTENT, 1 << 15), ranged(CONTENT))
        assert server.ranges == [None, "bytes=32768-"]

    def test_goes_on_with_another_mirror(self, folder: Path) -> None:
        with serving(cut(CONTENT, 30_000)) as first, serving(ranged(CONTENT)) as second:
            fetch(folder, first.url, second.url)
        assert second.ranges == ["bytes=30000-"]

    def test_wrong_bytes_of_one_mirror_do_not_spoil_the_next(self, folder: Path) -> None:
        with serving(cut(OTHER, 30_000)) as first, serving(ranged(CONTENT)) as second:
            assert fetch(folder, first.url, second.url).read_bytes() == CONTENT
        assert second.ranges == ["bytes=30000-", None]


class TestFailing:
    def test_truncated_answers_leave_the_part_for_the_next_run(
        self, folder: Path, part: Path
    ) -> None:
        message, server = failed(folder, cut(CONTENT, 30_000))
        assert "connection" in message
        assert len(server.requests) == QUICK.rounds
        assert part.read_bytes() == CONTENT[:30_000]

    def test_a_wrong_sum_is_not_tried_again(self, folder: Path) -> None:
        message, server = failed(folder, whole(OTHER))
        assert "SHA-256" in message
        assert len(server.requests) == 1
        assert names_in(folder) == []

    @pytest.mark.parametrize(
        ("answer", "reason", "tries"),
        [
            (status(404), "404 Not Found", 1),
            (status(403), "403 Forbidden", 1),
            (status(503), "503 Service Unavailable", 3),
            (status(429), "429 Too Many Requests", 3),
            (status(206), "206 Partial Content", 1),
            (web_page, "web page", 1),
            (whole(CONTENT[:-1]), "offers 99999 bytes instead of 100000", 1),
            (whole(CONTENT + b"!"), "offers 100001 bytes instead of 100000", 1),
            (endless, "more than the 100000 bytes", 1),
            (silent, "no answer in time", 3),
            (hanging(CONTENT, 0), "stopped sending", 3),
        ],
    )
    def test_the_reason_is_told(
        self, folder: Path, answer: Answer, reason: str, tries: int
    ) -> None:
        message, server = failed(folder, answer)
        assert reason in message
        assert len(server.requests) == tries
        assert names_in(folder) == []

    def test_each_mirror_is_named_with_its_reason(self, folder: Path) -> None:
        with serving(status(404)) as first, serving(whole(OTHER)) as second:
            with pytest.raises(DataError) as raised:
                fetch(folder, first.url, second.url, DEAD)
            lines = str(raised.value).splitlines()
        assert f"    {first.url}: it answers 404 Not Found" in lines
        assert f"    {second.url}: the SHA-256 of its file is wrong" in lines
        assert f"    {DEAD}: no connection (Connection refused)" in lines

    def test_the_next_mirror_helps(self, folder: Path) -> None:
        with serving(whole(OTHER)) as first, serving(ranged(CONTENT)) as second:
            assert fetch(folder, DEAD, first.url, second.url).read_bytes() == CONTENT
        assert second.ranges == [None]  # nothing of the wrong file was kept

    def test_a_name_without_an_address_is_no_crash(self, folder: Path) -> None:
        for mirror in ("http://", "http://[", "http://" + "a" * 70 + ".invalid", "https://\0"):
            with pytest.raises(DataError, match=r"no (connection|answer)"):
                fetch(folder, mirror)

    def test_waiting_ends_for_all_mirrors_together(self, folder: Path) -> None:
        patience = Patience(connect=1.0, read=0.3, total=0.6, rounds=100, pause=0.01)
        with serving(silent) as first, serving(silent) as second, serving(silent) as third:
            with pytest.raises(DataError) as raised:
                download(FILE, folder, (first.url, second.url, third.url), patience=patience)
            tries = [len(server.requests) for server in (first, second, third)]
        assert max(tries) == 1
        for server in (first, second, third):
            assert f"{server.url}: no" in str(raised.value)

    def test_patience_as_shipped_ends_within_half_a_minute(self) -> None:
        patience = Patience()
        assert patience.total + patience.read <= 30


class TestDisk:
    def test_a_full_disk_is_a_data_error_and_frees_what_was_taken(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with (
            serving(whole(CONTENT)) as server,
            pytest.raises(DataError, match=r"(?s)No space left.*free some disk space"),
        ):
            fetch(folder, server.url)
        assert names_in(folder) == []

    def test_a_read_only_directory_is_a_data_error(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def read_only(path: Path, flags: int, mode: int = 0) -> int:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr("bpnet.locks.os.open", read_only)
        with pytest.raises(DataError, match=r"(?s)Read-only file system.*--data-dir") as raised:
            fetch(folder, DEAD)
        assert raised.value.exit_code == 3

    def test_what_a_killed_process_left_is_removed(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f".bpnet-1-{host_name()}-abcd_123.tmp").write_bytes(b"half")
        (folder / ".images.gz.lock").write_bytes(b"")
        with serving(whole(CONTENT)) as server:
            fetch(folder, server.url)
        assert names_in(folder) == ["images.gz"]

    @pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
    @pytest.mark.parametrize("old", [None, b"damaged"])
    def test_what_a_link_leads_to_is_replaced(self, folder: Path, old: bytes | None) -> None:
        there = folder.parent / "there"
        for directory in (folder, there):
            directory.mkdir(parents=True, exist_ok=True)
        (folder / "images.gz").symlink_to(there / "kept")
        if old is not None:
            (there / "kept").write_bytes(old)
        with serving(whole(CONTENT)) as server:
            assert fetch(folder, server.url, replace=True) == folder / "images.gz"
        assert (folder / "images.gz").is_symlink()
        assert names_in(there) == ["kept"]
        assert (there / "kept").read_bytes() == CONTENT

    def test_a_file_in_place_of_the_directory_is_a_data_error(self, tmp_path: Path) -> None:
        (tmp_path / "cache").write_bytes(b"")
        with pytest.raises(DataError, match="cannot make the directory"):
            fetch(tmp_path / "cache" / "set", DEAD)
        with pytest.raises(DataError, match="cannot make the directory"):
            fetch(tmp_path / "cache", DEAD)


class TestProgress:
    class Recorder(DownloadObserver):
        def __init__(self) -> None:
            self.events: list[tuple[str, int]] = []

        def note(self, message: str) -> None:
            self.events.append((message, 0))

        def start(self, name: str, size: int, done: int) -> None:
            assert (name, size) == (FILE.name, FILE.size)
            self.events.append(("start", done))

        def advance(self, count: int) -> None:
            self.events.append(("advance", count))

        def stop(self) -> None:
            self.events.append(("stop", 0))

    def test_counts_every_byte_once(self, folder: Path, part: Path) -> None:
        part.write_bytes(CONTENT[:10_000])
        recorder = self.Recorder()
        with serving(ranged(CONTENT)) as server:
            download(FILE, folder, [server.url], progress=recorder, patience=QUICK)
        assert recorder.events[0] == ("start", 10_000)
        assert recorder.events[-1] == ("stop", 0)
        assert sum(count for kind, count in recorder.events if kind == "advance") == 90_000

    def test_nothing_is_printed(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        fetched(folder, whole(CONTENT))
        assert capfd.readouterr() == ("", "")


SCRIPT = """
import sys
from pathlib import Path
from bpnet.data.files.download import download
from bpnet.data.files.remote import RemoteFile
url, folder, size, sha256 = sys.argv[1:]
download(RemoteFile("images.gz", int(size), sha256), Path(folder), [url])
"""


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.kill()
        process.wait()


def start(url: str, folder: Path) -> subprocess.Popen[bytes]:
    arguments = [url, str(folder), str(FILE.size), FILE.sha256]
    path = str(PROJECT)
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], env=environment)


def test_of_two_processes_one_downloads_and_the_other_waits(
    folder: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    with serving(slow(CONTENT, pieces=20, pause=0.05)) as server:
        processes += [start(server.url, folder) for _ in range(2)]
        assert [process.wait(timeout=30) for process in processes] == [0, 0]
    assert len(server.requests) == 1
    assert (folder / "images.gz").read_bytes() == CONTENT
    assert names_in(folder) == ["images.gz"]


def test_a_killed_process_leaves_a_part_and_no_lock(
    folder: Path, part: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    with serving(hanging(CONTENT, 1 << 15), ranged(CONTENT)) as server:
        processes.append(start(server.url, folder))
        while not (part.exists() and part.stat().st_size):
            assert processes[0].poll() is None
            time.sleep(0.01)
        processes[0].kill()
        processes[0].wait()
        size = part.stat().st_size
        assert fetch(folder, server.url).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={size}-"]
    assert names_in(folder) == ["images.gz"]
