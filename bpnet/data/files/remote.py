"""Name a file on other machines, the mirrors to ask for it, and who follows its download.

While nothing is downloaded, this is all that is needed; what downloads takes a tenth of a second to
import.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from bpnet.data.files.address import without_secrets
from bpnet.errors import ConfigError


@dataclass(frozen=True)
class RemoteFile:
    """Describe a file as every mirror should serve it.

    Args:
        name: the last part of its address, and its name on disk.
        size: bytes.
        sha256: the hexadecimal checksum of these bytes.
    """

    name: str
    size: int
    sha256: str


class DownloadObserver:
    """Follow a download. This class shows nothing; a subclass may draw a bar."""

    def note(self, message: str) -> None:
        """Receive a message that the user may want to see."""

    def start(self, name: str, size: int, done: int) -> None:
        """Begin a file of `size` bytes, of which `done` are already there."""

    def advance(self, count: int) -> None:
        """Count `count` more bytes."""

    def stop(self) -> None:
        """End, whether the file is complete or not."""


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
            expected="the address of the folder that holds the files, with http or https",
            found=without_secrets(preferred),
            hint="for files on this machine use: bpnet data import DIR",
        )
    return list(dict.fromkeys([preferred, *known]))
