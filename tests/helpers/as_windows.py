"""Run commands as on Windows: `python -m tests.helpers.as_windows '[["train", "mlp"], …]'`.

It is a pretence: Python's own modules stay those of this system, but `sys.platform` is win32, what
only POSIX has is gone, and what only Windows has is there. All commands run in this process; the
exit code is that of the first one that fails.
"""

import ctypes.util
import importlib
import json
import multiprocessing.connection
import multiprocessing.resource_tracker
import os
import pkgutil
import platform
import signal
import subprocess
import sys
import tempfile
import warnings
import webbrowser
from types import ModuleType, SimpleNamespace
from typing import Any

import click
import numpy as np
import PIL.Image
import platformdirs
import requests
import threadpoolctl
import tqdm

KNOWN = (  # loaded before the pretence: they take this system's way
    *(click, multiprocessing, np, PIL.Image, platformdirs, requests, subprocess, tempfile),
    *(multiprocessing.resource_tracker, threadpoolctl, tqdm, webbrowser),
)
LACKING_MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty")
LACKING = {  # in a module of Python
    os: "fork forkpty register_at_fork getuid geteuid getgid getegid getpgid killpg setsid waitid "
    "WNOHANG WUNTRACED WCONTINUED WNOWAIT P_PID O_NOFOLLOW O_NONBLOCK O_DIRECTORY O_CLOEXEC uname "
    "memfd_create sysconf sysconf_names sched_getaffinity fchmod chown mkfifo pread pwrite statvfs "
    "getloadavg set_blocking nice",
    signal: "SIGHUP SIGKILL SIGCHLD SIGSTOP SIGCONT SIGUSR1 SIGUSR2 SIGALRM SIGPIPE SIGQUIT "
    "SIGTSTP SIG_BLOCK SIG_UNBLOCK SIG_SETMASK pthread_sigmask pthread_kill sigwait setitimer",
}


def pretend() -> None:
    """Make this process look like one on Windows."""
    import fcntl

    lockf, exclusive = fcntl.lockf, fcntl.LOCK_EX | fcntl.LOCK_NB
    msvcrt: Any = ModuleType("msvcrt")
    msvcrt.LK_NBLCK = 2
    msvcrt.locking = lambda descriptor, mode, count: lockf(
        descriptor, exclusive, count, 0, os.SEEK_CUR
    )
    sys.modules["msvcrt"] = msvcrt
    platform.uname().processor  # noqa: B018 - asks the system once
    threadpoolctl.sys = SimpleNamespace(**vars(sys))  # these look again when they are called
    ctypes.util.os = SimpleNamespace(**vars(os))  # type: ignore[attr-defined]
    for name in LACKING_MODULES:
        sys.modules[name] = None  # type: ignore[assignment] # so that importing it fails
    for module, names in LACKING.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    signal.SIGBREAK = signal.SIGTTIN  # type: ignore[attr-defined]
    sys.platform = "win32"


def import_all() -> None:
    """Import every module of the package, except those of an extra that is not installed."""
    import bpnet

    for found in pkgutil.walk_packages(bpnet.__path__, "bpnet."):
        try:
            importlib.import_module(found.name)
        except ModuleNotFoundError as error:
            if error.name in LACKING_MODULES:
                raise


def main() -> int:
    """Run the commands that the first argument lists."""
    warnings.filterwarnings("ignore", category=EncodingWarning)
    warnings.filterwarnings("error", category=EncodingWarning, module=r"bpnet\.")
    pretend()
    import_all()
    from bpnet.cli.main import run

    for words in json.loads(sys.argv[1]):
        if code := run(words, debug=True):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
