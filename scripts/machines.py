"""Simulate several machines, for scripts: each with a network, a name and disks of its own.

Linux's namespaces make them out of one machine, as its administrator (root) may. A bridge joins
them, and each sends no more than a stated number of bits per second. Each has only one core.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

BRIDGE = "bpnet-bridge"
PREFIX = "bpnet-machine-"
NETWORK = "10.77.0."
BUCKET = ("burst", "16kb", "latency", "50ms")  # what may be sent at once, and wait


def run(*words: object, check: bool = True) -> None:
    """Run a command of the system."""
    subprocess.run(list(map(str, words)), check=check, capture_output=not check)


class Machines:
    """Make machines, and have commands run on them; used as a context.

    Args:
        count: how many.
        folder: where scripts and lists of names may be written.
        rate: what each may send, in Gbit/s; None for no limit.
        hidden: folders that only the first machine has; the others find them empty.
    """

    def __init__(
        self, count: int, folder: Path, rate: float | None = None, hidden: Sequence[Path] = ()
    ) -> None:
        self.names = [f"{PREFIX}{number}" for number in range(count)]
        self._folder, self._rate, self._hidden = folder, rate, hidden
        self.agent = folder / "on-machine"  # takes a name and a command, as ssh does
        self._lock = (Path(tempfile.gettempdir()) / "bpnet-machines.lock").open("w")

    def __enter__(self) -> Self:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("another script has such machines now")
        self._remove()
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.kill_all()
        finally:
            self._remove()
            self._lock.close()

    def _make(self) -> None:
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "link", "set", BRIDGE, "up")
        for number, name in enumerate(self.names):
            outer, inner = f"bpnet-outer-{number}", f"bpnet-{number}"
            run("ip", "netns", "add", name)
            run("ip", "link", "add", outer, "type", "veth", "peer", inner)
            run("ip", "link", "set", inner, "netns", name)
            run("ip", "link", "set", outer, "master", BRIDGE, "up")
            within = ("ip", "-n", name)
            run(*within, "address", "add", f"{self.address(number)}/24", "dev", inner)
            run(*within, "link", "set", inner, "up")
            run(*within, "link", "set", "lo", "up")
        if self._rate is not None:
            self.limit(self._rate)
        self._write_agent()

    @staticmethod
    def address(number: int) -> str:
        """Return a machine's address."""
        return f"{NETWORK}{number + 1}"

    def on(self, number: int, *words: object) -> list[str]:
        """Return the command line that runs a command on a machine."""
        return [str(self.agent), self.names[number], f"exec {shlex.join(map(str, words))}"]

    def mpirun(self, launcher: str, *words: object) -> list[str]:
        """Return the command line that starts a command on all machines, one rank on each."""
        hosts = ",".join(f"{name}:1" for name in self.names)
        where = ("-n", len(self.names), "-H", hosts, "--map-by", "node")
        return self.on(0, launcher, *where, *words)

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment in which Open MPI reaches the other machines."""
        return {f"PRTE_MCA_plm_{name}_agent": str(self.agent) for name in ("ssh", "rsh")}

    def limit(self, rate: float) -> None:
        """Let each machine send no more than a number of Gbit/s from now on."""
        for number, name in enumerate(self.names):
            bucket = ("tbf", "rate", f"{1000 * rate:g}mbit", *BUCKET)
            run("tc", "-n", name, "qdisc", "replace", "dev", f"bpnet-{number}", "root", *bucket)

    def cut_off(self, number: int) -> None:
        """Pull a machine's cable."""
        run("ip", "link", "set", f"bpnet-outer-{number}", "down")

    def processes(self, number: int) -> list[int]:
        """Return the processes of a machine."""
        words = ("ip", "netns", "pids", self.names[number])
        told = subprocess.run(words, capture_output=True, text=True, check=False)
        return list(map(int, told.stdout.split()))

    def kill_all(self) -> None:
        """Kill whatever runs on the machines, and wait until it has ended."""
        while found := [one for number in range(len(self.names)) for one in self.processes(number)]:
            for process in found:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.05)

    def _write_agent(self) -> None:
        """Write what runs a command on a machine: in its network, with its name, disks and core."""
        empty, hosts = self._folder / "empty", self._folder / "hosts"
        empty.mkdir(exist_ok=True)
        names = [f"{self.address(n)} {name}" for n, name in enumerate(self.names)]
        hosts.write_text("\n".join(["127.0.0.1 localhost", *names]) + "\n")
        cores = sorted(os.sched_getaffinity(0))
        lines = ["#!/bin/sh", "name=$1; shift"]
        for number, name in enumerate(self.names):
            pairs = [(hosts, Path("/etc/hosts"))]
            pairs += [(empty, one) for one in self._hidden if number]
            mounts = [shlex.join(("mount", "--bind", *map(str, pair))) for pair in pairs]
            within = " && ".join(('hostname "$0"', *mounts, 'eval "$1"'))
            core = cores[number % len(cores)]
            enter = f"exec ip netns exec {name} unshare --uts --mount taskset -c {core} sh -c"
            lines.append(f'[ "$name" = {name} ] && {enter} {shlex.quote(within)} {name} "$*"')
        self.agent.write_text("\n".join(lines) + "\n")
        self.agent.chmod(0o755)

    def _remove(self) -> None:
        for number, name in enumerate(self.names):
            run("ip", "link", "delete", f"bpnet-outer-{number}", check=False)
            run("ip", "netns", "delete", name, check=False)
        run("ip", "link", "delete", BRIDGE, check=False)
