"""Kill `data fetch` and `data synthesize`; the next command must finish their work."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bpnet.data.files.directory import data_directory
from bpnet.data.files.names import STEMS, find_file
from faults.runs import Tally, finish, start

KILLS = 60  # of each command
BLOCK = 1 << 17  # bytes that the server sends at a time
PAUSE = 0.005  # seconds between them: MNIST takes about half a second
DIGITS = ("--train", 1200, "--test", 100)


def check_downloads(folder: Path, seed: int) -> Tally:
    """Kill both commands again and again."""
    rng, tally = random.Random(seed), Tally()
    source = gzipped_mnist()
    if source is not None:
        with slow_server(source) as url:
            check_fetch(folder, url, rng, tally)
    else:
        tally.count("parts left out (they need MNIST's gzipped files in BPNET_DATA_DIR)")
    check_synthesize(folder, rng, tally)
    return tally


def gzipped_mnist() -> Path | None:
    """Return the folder of MNIST's gzipped files, if they are where data sets are kept."""
    source = data_directory().path
    source = source / "mnist" if (source / "mnist").is_dir() else source
    paths = [find_file(source, stem) for stem in STEMS]
    return source if all(path and path.suffix == ".gz" for path in paths) else None


def check_fetch(folder: Path, url: str, rng: random.Random, tally: Tally) -> None:
    """Kill `data fetch` at random moments until it is done, several times over."""
    round_ = 0
    while tally.counts.get("kills of fetch", 0) < KILLS:
        target = folder / f"fetched-{round_}"
        words = ("data", "fetch", "--mirror", url, "--data-dir", target)
        while kill(words, rng.uniform(0.3, 1.5), "fetch", tally):
            pass
        done = finish("data", "verify", "--data-dir", target)
        tally.expect(done.returncode == 0, f"fetch {round_}: {done.stderr}")
        names = {path.name for path in target.rglob("*") if path.is_file()}
        tally.expect(names == {f"{stem}.gz" for stem in STEMS}, f"fetch {round_} left {names}")
        tally.count("fetched")
        round_ += 1


def check_synthesize(folder: Path, rng: random.Random, tally: Tally) -> None:
    """Kill `data synthesize` at random moments until it is done, several times over."""
    folder.joinpath("whole").mkdir()
    began = time.monotonic()
    finish("data", "synthesize", *DIGITS, "--data-dir", folder / "whole")
    longest = time.monotonic() - began
    whole = contents(folder / "whole")
    round_ = 0
    while tally.counts.get("kills of synthesize", 0) < KILLS:
        target = folder / f"drawn-{round_}"
        target.mkdir()
        words = ("data", "synthesize", *DIGITS, "--data-dir", target)
        for _ in range(5):
            kill(words, rng.uniform(0.1, longest), "synthesize", tally)
        done = finish(*words)
        tally.expect(done.returncode == 0, f"synthesize {round_}: {done.stderr}")
        tally.expect(contents(target) == whole, f"synthesize {round_} left other files")
        tally.count("drawn")
        round_ += 1


def kill(words: tuple[object, ...], seconds: float, name: str, tally: Tally) -> bool:
    """Start a command and kill it after so many seconds; return whether it was still running."""
    process = start(*words)
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.001)
    killed = process.poll() is None
    process.kill()
    message = process.communicate()[1]
    if killed:
        tally.count(f"kills of {name}")
    else:
        tally.expect(process.returncode == 0, f"{name}: exit {process.returncode}: {message}")
    return killed


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder and what it holds."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class SlowFiles(SimpleHTTPRequestHandler):
    """Send files block by block, from the byte that is asked for."""

    def do_GET(self) -> None:
        """Answer one request."""
        content = Path(self.translate_path(self.path)).read_bytes()
        asked = self.headers.get("Range", "bytes=0-")
        first = int(asked.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(content) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        try:
            for place in range(first, len(content), BLOCK):
                self.wfile.write(content[place : place + BLOCK])
                time.sleep(PAUSE)
        except OSError:
            return  # the reader was killed

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def slow_server(folder: Path) -> Iterator[str]:
    """Serve the files of a folder on this machine while the block runs."""

    def handler(*args: Any) -> SlowFiles:
        return SlowFiles(*args, directory=os.fspath(folder))

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
