"""Download files that are known by their size and SHA-256.

The bytes go to a `.part` file, which a later try continues; only a file whose size and checksum
are right gets its name. Mirrors take turns: each is tried once, in order, then, after a pause, all
those that may still help are tried again.
"""

import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import requests

from bpnet.data.files.address import file_address, without_secrets
from bpnet.data.files.disk import disk_errors
from bpnet.data.files.lock import exclusive
from bpnet.data.files.mirror import BLOCK, MirrorError, ask, blocks, demand_file
from bpnet.data.files.patience import Allowance, Patience
from bpnet.data.files.remote import DownloadObserver, RemoteFile
from bpnet.errors import DataError
from bpnet.files import remove_leftovers


def download(
    file: RemoteFile,
    directory: Path,
    mirrors: Sequence[str],
    *,
    replace: bool = False,
    progress: DownloadObserver | None = None,
    patience: Patience | None = None,
) -> Path:
    """Make sure that `directory` holds the file, checked by size and SHA-256.

    Processes that want the same file wait for the one that downloads it.

    Args:
        file: what to download.
        directory: where to put it; made if need be.
        mirrors: addresses of the folders that hold the file, best first.
        replace: whether a file of that name with other content may be overwritten.
        progress: follows the download.
        patience: how long to wait and how often to try.

    Returns:
        The path of the file.

    Raises:
        DataError: no mirror delivers the file, or it cannot be stored.
    """
    progress = progress or DownloadObserver()
    patience = patience or Patience()
    target = directory / file.name
    with disk_errors("make the directory", directory):
        directory.mkdir(parents=True, exist_ok=True)
    lock = directory / f".{file.name}.lock"
    waiting = f"waiting for another process that is downloading {file.name}"
    with (
        exclusive(lock, timeout=patience.lock, on_wait=lambda: progress.note(waiting)),
        disk_errors("store the download", target),
    ):
        remove_leftovers(directory)
        if target.exists():
            if file_sha256(target) == file.sha256:
                return target
            if not replace:
                raise DataError(
                    "a file with other content is where the download belongs",
                    where=target,
                    expected=f"SHA-256 {file.sha256}",
                    hint="move it away, or use another directory",
                )
        real = Path(os.path.realpath(target))  # what a link leads to is replaced, not the link
        _Transfer(file, real.with_name(f"{real.name}.part"), progress, patience).run(mirrors)
    return target


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as they lie on disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Transfer:
    """Fill a `.part` file from mirrors, and give it its name once it is right."""

    def __init__(
        self, file: RemoteFile, part: Path, progress: DownloadObserver, patience: Patience
    ) -> None:
        self.file = file
        self.part = part
        self.progress = progress
        self.patience = patience
        self.allowance = self.allow(patience.total, patience.total)

    def run(self, mirrors: Sequence[str]) -> None:
        """Try the mirrors in rounds until one of them delivers."""
        try:
            reasons = self.try_in_rounds(mirrors)
        except OSError:
            self.part.unlink(missing_ok=True)  # a full disk is better off without it
            raise
        if reasons is None:
            self.part.replace(self.part.with_suffix(""))
            return
        self.resumable_bytes()  # removes a useless .part
        raise DataError(
            f"cannot download {self.file.name}",
            where=self.part.parent,
            found=[f"{without_secrets(mirror)}: {why}" for mirror, why in reasons.items()],
            hint="check the network, name another server with --mirror or BPNET_MIRROR, "
            "or import files that you have: bpnet data import DIR",
        )

    def try_in_rounds(self, mirrors: Sequence[str]) -> dict[str, str] | None:
        """Return None once the `.part` file is right, else why each mirror failed."""
        if self.is_complete():
            return None
        reasons: dict[str, str] = {}
        hopeful = list(mirrors)
        share = self.patience.total / max(len(mirrors), 1)  # so that each has its turn
        for number in range(self.patience.rounds):
            if number and hopeful:
                pause = self.patience.pause * 2 ** (number - 1)
                time.sleep(min(pause, self.allowance.left()))
            for mirror in tuple(hopeful):
                if not self.allowance.left():
                    reasons.setdefault(mirror, "not tried: there was no time left")
                    continue
                try:
                    wait = min(self.patience.read, self.allowance.left(), share)
                    self.fetch_from(file_address(mirror, self.file.name), wait)
                except MirrorError as error:
                    reasons[mirror] = str(error)
                    if not error.try_again:
                        hopeful.remove(mirror)
                else:
                    return None
        return reasons

    def allow(self, seconds: float, most: float) -> Allowance:
        """Return an allowance of so many seconds that bytes at the lowest rate keep up."""
        return Allowance(seconds, most, self.patience.lowest_rate)

    def resumable_bytes(self) -> int:
        """Return how many bytes the `.part` file holds; remove one that cannot be continued."""
        size = self.part.stat().st_size if self.part.exists() else 0
        if 0 < size < self.file.size:
            return size
        self.part.unlink(missing_ok=True)
        return 0

    def is_complete(self) -> bool:
        """Return whether the `.part` file is whole: an earlier run may not have renamed it."""
        is_full = self.part.exists() and self.part.stat().st_size == self.file.size
        return is_full and file_sha256(self.part) == self.file.sha256

    def fetch_from(self, url: str, wait: float) -> None:
        """Bring the `.part` file to its full size from one address, and check it."""
        done = self.resumable_bytes()
        timeouts = self.patience.connect, self.patience.read
        allowance = self.allow(wait, self.patience.read)
        with closing(ask(url, start=done, timeouts=timeouts, wait=wait)) as response:
            allowance.earn(BLOCK)  # an answer that came late still has time to begin
            is_resumed = self.check_answer(response, done)
            self.receive(response, done if is_resumed else 0, allowance)
        if not self.is_complete():
            self.part.unlink()
            if not is_resumed:
                raise MirrorError("the SHA-256 of its file is wrong", try_again=False)
            self.fetch_from(url, wait)  # the fault may lie in what was there before

    def check_answer(self, response: requests.Response, done: int) -> bool:
        """Return whether the body continues after `done` bytes; else it is the whole file."""
        status = response.status_code
        is_resumed = done > 0 and status == 206
        if status == 416 or (
            is_resumed
            and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        ):
            self.part.unlink(missing_ok=True)
            raise MirrorError("it cannot continue the download", try_again=True)
        demand_file(response, 206 if is_resumed else 200)
        due = self.file.size - (done if is_resumed else 0)
        length = response.headers.get("Content-Length", str(due))
        if length != str(due):
            offer = length if length.isdecimal() and len(length) < 16 else "no sensible number of"
            raise MirrorError(f"it offers {offer} bytes instead of {due}", try_again=False)
        return is_resumed

    def receive(self, response: requests.Response, done: int, allowance: Allowance) -> None:
        """Write the body to the `.part` file, after its first `done` bytes."""
        self.progress.start(self.file.name, self.file.size, done)
        try:
            with self.part.open("ab" if done else "wb") as part:
                for block in blocks(response, allowance):
                    self.allowance.earn(len(block))
                    done += len(block)
                    if done > self.file.size:
                        break
                    part.write(block)
                    self.progress.advance(len(block))
                part.flush()
                os.fsync(part.fileno())
        finally:
            self.progress.stop()
        if done > self.file.size:
            self.part.unlink()
            reason = f"it sends more than the {self.file.size} bytes of the file"
            raise MirrorError(reason, try_again=False)
        if done < self.file.size:
            reason = f"the connection ended after {done} of {self.file.size} bytes"
            raise MirrorError(reason, try_again=True)
