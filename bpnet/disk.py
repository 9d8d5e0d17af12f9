"""Describe what lies at a path, and what to do where the file system refuses something."""

import errno
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

FILE = "a file"
DIRECTORY = "a directory"
NOTHING = "no such file or directory"
KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISREG, FILE),
    (stat.S_ISDIR, DIRECTORY),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
DEVICE_NAME = "the name of a device of Windows"
DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9])( *[.:].*)?", re.IGNORECASE)
NUL = "a name with a NUL byte, which no file can have"
REMEDIES = {
    getattr(errno, "EDQUOT", errno.ENOSPC): "free some of your disk quota",  # Windows may lack it
    errno.ENOSPC: "free some disk space",
    errno.EBUSY: "close the program that has it open",
    errno.EACCES: "change the permissions",
    errno.EPERM: "change the permissions",
    errno.EROFS: "make the disk writable",
    errno.EIO: "check the disk, which fails",
    errno.ENOENT: "check the path for typing errors",
    errno.ENOTDIR: "move the file that is where a directory is needed",
    errno.EEXIST: "move the file that is where a directory is needed",
    errno.EISDIR: "move the directory that is where a file is needed",
    errno.ELOOP: "mend the symbolic links, which lead in a circle",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def what_is_at(path: Path) -> str:
    """Return the kind of file at a path, or why there is none: words for a message.

    Links are followed. `FILE` and `DIRECTORY` can be read; where there is `NOTHING`, either may be
    made.
    """
    if sys.platform == "win32" and DEVICES.fullmatch(path.name):
        return DEVICE_NAME  # `con.ini` would be read from the keyboard
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.is_absolute() and not has_working_directory():
            return "nothing: the working directory has been removed"
        return "a symbolic link to nothing" if path.is_symlink() else NOTHING
    except ValueError:
        return NUL
    except OSError as error:
        return error.strerror or str(error)
    return next((name for is_kind, name in KINDS if is_kind(mode)), "something of another kind")


def has_working_directory() -> bool:
    """Return whether the directory that this process works in still exists."""
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def reason(error: OSError | ValueError) -> str:
    """Return what the file system said, in words."""
    if isinstance(error, FileNotFoundError) and not has_working_directory():
        return "the working directory has been removed"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def remedy(error: OSError | ValueError, elsewhere: str) -> str:
    """Return what the user can do about an error.

    Args:
        error: what the file system raised.
        elsewhere: how to name another place, as in "choose another one with --run-dir".
    """
    if isinstance(error, FileNotFoundError) and not has_working_directory():
        return "change to a directory that exists"
    known = REMEDIES.get(error.errno or 0) if isinstance(error, OSError) else None
    return f"{known}, or {elsewhere}" if known else elsewhere
