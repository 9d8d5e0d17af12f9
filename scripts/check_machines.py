#!/usr/bin/env python3
"""Check bpnet on simulated machines, which have names, a network and disks of their own.

    scripts/check_machines.py [--rate GBIT]

Linux simulates them, for its administrator (root). Two train as ranks, the second without the
data set; one is killed, or cut off, and the run goes on on the other; a Dask worker on the second
answers pictures and trains a sweep. Each result must be, byte for byte, that of one machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from check_ranks import DATA, LIMIT, SETTINGS, digest
from machines import Machines

from bpnet.model.checkpoint import load_checkpoint

PROJECT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PATIENCE = 60  # seconds for a command
SWEEP = """[sweep]
config = mlp
seeds = 1-2
[settings]
{settings}
[vary]
optimizer.learning_rate = 0.02, 0.05
"""


class Checks:
    """Do what bpnet does on several machines, and compare it with what one does.

    Args:
        machines: two; `folder / "first"` is hidden from the second.
        folder: for everything that is written.
    """

    def __init__(self, machines: Machines, folder: Path) -> None:
        self.machines, self.folder = machines, folder
        self.variables = os.environ | SETTINGS | machines.variables | {"PYTHONPATH": str(PROJECT)}
        self.failed = 0

    def say(self, what: str, holds: bool) -> None:
        """Print what was checked, and whether it holds."""
        self.failed += not holds
        print(f"{'holds' if holds else 'FAILS'}: {what}", flush=True)

    def bpnet(self, *words: object) -> list[str]:
        """Return the command line of bpnet."""
        return [sys.executable, "-P", "-m", "bpnet", *map(str, words)]

    def begin(self, words: list[str], told: Path | None = None) -> subprocess.Popen[bytes]:
        """Begin a command, whose messages go to a file."""
        with (told or self.folder / "told").open("wb") as file:
            return subprocess.Popen(
                words, cwd=self.folder, env=self.variables, stdout=file, stderr=file
            )

    def run(self, words: list[str], code: int = 0) -> str:
        """Run a command, which must end with a code; return its messages."""
        process = self.begin(words)
        try:
            found: int | None = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            found = None
        if found != code:
            sys.exit(f"{words[-12:]} ended with {found}, not {code}:\n{self.told}")
        return self.told

    @property
    def told(self) -> str:
        """Return what the last command said."""
        return (self.folder / "told").read_text(encoding="utf-8")

    def on_both(self, *words: object) -> list[str]:
        """Return the command line that runs bpnet as two ranks, one on each machine."""
        return self.machines.mpirun(str(BIN / "mpirun"), *self.bpnet(*words))

    def train(self, name: str, *settings: str) -> tuple[object, ...]:
        """Return the arguments of a training on digits that the second machine does not see."""
        chosen = [word for one in (*DATA, "train.shards=2", *settings) for word in ("--set", one)]
        place = ("--run-dir", self.folder / name, "--data-dir", self.folder / "first")
        return ("train", "lenet5", *place, *chosen)

    def ranks(self) -> None:
        """Let two machines train, with samples that the first sends."""
        self.run(self.bpnet(*self.train("alone", "train.epochs=2")))
        told = self.run(self.on_both(*self.train("both", "train.epochs=2")))
        is_same = digest(self.folder / "alone") == digest(self.folder / "both")
        self.say("two machines train the same weights as one", is_same)
        self.say("rank 0 sent samples", "rank 0 sends samples to rank 1 of 2" in told)

    def ended(self, name: str, end: Callable[[], float]) -> None:
        """End a run of two machines in some way: soon, and so that one machine can go on.

        Args:
            name: of the run.
            end: ends it, and returns the time at which the run should.
        """
        endless = ("schedule.name=constant",)
        process = self.begin(self.on_both(*self.train(name, "train.epochs=100000", *endless)))
        last = self.folder / name / "last.npz"
        limit = time.monotonic() + PATIENCE
        while not last.exists():
            if process.poll() is not None or time.monotonic() > limit:
                sys.exit(f"{name}: the run has not begun:\n{self.told}")
            time.sleep(0.1)
        time.sleep(2)  # in which some epochs pass
        first = self.process_of(0)
        began = end()
        while Path(f"/proc/{first}").exists() and time.monotonic() < began + 3 * LIMIT:
            time.sleep(0.05)
        seconds = time.monotonic() - began
        self.machines.kill_all()  # what Open MPI cannot reach
        process.wait(PATIENCE)
        self.say(f"{name}: rank 0 had ended after {seconds:.1f} s", seconds < LIMIT)
        epochs = load_checkpoint(last).record["progress"]["epoch"] + 1
        place = ("--data-dir", self.folder / "first")
        self.run(self.bpnet("train", "--resume", last.parent, "--epochs", epochs, *place))
        straight = f"{name}-straight"
        self.run(self.bpnet(*self.train(straight, f"train.epochs={epochs}", *endless)))
        is_same = digest(last.parent) == digest(self.folder / straight)
        self.say(f"{name}: resumed on one machine, it has the right bits, epoch {epochs}", is_same)

    def kill_second(self) -> float:
        """Kill the rank of the second machine."""
        os.kill(self.process_of(1), signal.SIGKILL)
        return time.monotonic()

    def cut_off(self) -> float:
        """Pull the second machine's cable, and send the rank of the first SIGTERM."""
        self.machines.cut_off(1)
        time.sleep(1)
        os.kill(self.process_of(0), signal.SIGTERM)
        return time.monotonic()

    def process_of(self, machine: int) -> int:
        """Return the process of the rank on a machine."""
        found = self.machines.processes(machine)
        return min(one for one in found if b"\0train\0" in command_of(one) and not launches(one))

    def dask(self) -> None:
        """Let a worker of the second machine answer pictures, and train runs.

        One of the pictures is hidden from it.
        """
        pictures = self.folder / "pictures"
        shutil.copytree(PROJECT / "bpnet" / "assets", pictures, ignore=not_pictures)
        with self.cluster() as address:
            for name, more in (("alone.jsonl", ()), ("dask.jsonl", ("--scheduler", address))):
                words = self.bpnet("predict", pictures, "-o", self.folder / name, *more)
                self.run(self.machines.on(0, *words))
            alone, dask = (
                (self.folder / f"{name}.jsonl").read_bytes() for name in ("alone", "dask")
            )
            self.say("a worker elsewhere gives the same answers", alone == dask)
            only_here = shutil.copy(pictures / "seven.jpg", self.folder / "first")
            words = self.bpnet("predict", only_here, "--scheduler", address)
            told = self.run(self.machines.on(0, *words), code=3)
            self.say("a picture that it lacks is told", self.machines.names[1] in told)
            self.sweep(address)

    def sweep(self, address: str) -> None:
        """Let the second machine train a sweep, whose folder and data set both machines see."""
        settings = "\n".join((*DATA, "train.epochs=1", "train.workers=1"))
        (self.folder / "rates.ini").write_text(SWEEP.format(settings=settings))
        (self.folder / "data").mkdir()
        found = []
        for name, more in (("here", ("--jobs", 1)), ("there", ("--scheduler", address))):
            place = ("--run-dir", self.folder / name, "--data-dir", self.folder / "data")
            words = self.bpnet("sweep", self.folder / "rates.ini", *place, *more)
            self.run(self.machines.on(0, *words))
            lines = (self.folder / name / "sweep.jsonl").read_text().splitlines()
            rows = [json.loads(line) for line in lines]
            found.append({(row["trial"], row["seed"]): row["history"] for row in rows})
        self.say("a sweep trained elsewhere has the same histories", found[0] == found[1])

    @contextmanager
    def cluster(self) -> Iterator[str]:
        """Yield the address of a scheduler on the first machine, with a worker on the second."""
        address = f"tcp://{self.machines.address(0)}:8786"
        dask = BIN / "dask"
        scheduler = self.machines.on(
            0, dask, "scheduler", "--host", self.machines.address(0), "--no-dashboard"
        )
        worker = self.machines.on(1, dask, "worker", address, "--nthreads", 1, "--no-dashboard")
        running = [
            self.begin(words, self.folder / f"dask-{number}")
            for number, words in enumerate((scheduler, worker))
        ]
        try:
            yield address
        finally:
            for process in running:
                process.terminate()
                process.wait(PATIENCE)


def not_pictures(folder: str, names: list[str]) -> list[str]:
    """Return what is no picture."""
    return [name for name in names if not name.endswith(".jpg")]


def command_of(process: int) -> bytes:
    """Return the command line of a process."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


def launches(process: int) -> bool:
    """Return whether a process is Open MPI's own."""
    return any(name in command_of(process) for name in (b"mpirun", b"prte", b"on-machine"))


def main() -> None:
    """Check everything; exit with 1 where something fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, help="what each machine may send, in Gbit/s")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "first").mkdir()
        with Machines(2, folder, given.rate, hidden=[folder / "first"]) as machines:
            checks = Checks(machines, folder)
            checks.ranks()
            checks.ended("killed", checks.kill_second)
            checks.dask()
            checks.ended("cut off", checks.cut_off)
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
