"""Processes of tests end with them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.process_cases import children_of, eventually, lives
from tests.helpers.started import SETPRIV, end_processes, start_process
from tests.helpers.tiny import process_environment

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = f"import subprocess; subprocess.run({SLEEPER!r})"


@needs_proc
def test_what_a_failed_test_leaves_is_ended_with_its_children(tmp_path: Path) -> None:
    process = start_process([sys.executable, "-c", PARENT], tmp_path)
    assert eventually(lambda: bool(children_of(process.pid)), seconds=60)
    (child,) = children_of(process.pid)
    os.kill(child, signal.SIGSTOP)
    end_processes()
    assert process.returncode == -signal.SIGKILL
    assert eventually(lambda: not lives(child), seconds=60)


@needs_proc
@pytest.mark.skipif(SETPRIV is None, reason="needs setpriv")
def test_what_killed_tests_leave_is_ended(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.helpers.started import start_process\n"
        f"print(start_process({SLEEPER!r}, Path()).pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=process_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as tests:
        assert tests.stdout is not None
        started = int(tests.stdout.readline())
        assert lives(started)
        tests.kill()
    assert eventually(lambda: not lives(started), seconds=60)
