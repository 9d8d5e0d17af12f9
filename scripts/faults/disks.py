"""Fill the disk while bpnet writes, make it read-only, and make single system calls fail."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bpnet.model.run_files import BEST, LAST
from faults.kills import COMMON, RECIPES, has_saved
from faults.runs import Tally, command, differences, finish, is_whole, left_behind, start

MEGABYTES = 8  # of the disk that is filled: room for the run, but not for its next checkpoint
ROUNDS = 10
CALLS = ("fsync", "rename")
ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EROFS")


def check_disks(folder: Path, seed: int) -> Tally:
    """Let the disk fail in every way; the last checkpoint must be good, and the run go on."""
    rng, tally = random.Random(seed), Tally()
    words = training(folder)
    done = finish(*words, "--run-dir", folder / "whole")
    tally.expect(done.returncode == 0, done.stderr)
    if os.geteuid() == 0 and sys.platform == "linux":
        for number in range(ROUNDS):
            fill_while_training(folder, number, words, rng, tally)
            close_while_training(folder, number, words, rng, tally)
        fill_before(folder, tally)
    else:
        tally.count("parts left out (they need root)")
    if shutil.which("strace"):
        for call in CALLS:
            for error in ERRORS:
                fail_one_call(folder, call, error, words, rng, tally)
    else:
        tally.count("parts left out (they need strace)")
    return tally


def training(folder: Path) -> list[object]:
    """Return the command line of a short run with all kinds of arrays in its checkpoints."""
    config = folder / "empty.ini"
    config.write_text("")
    sets = [word for text in (*COMMON, *RECIPES[0]) for word in ("--set", text)]
    return ["train", "--config", config, *sets, "--data-dir", folder]


def fill_while_training(
    folder: Path, number: int, words: list[object], rng: random.Random, tally: Tally
) -> None:
    """Fill a small disk at a random moment of a run on it, and free it again."""
    with mounted(folder / "disk", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs") as disk:
        run_dir, ballast = disk / "run", disk / "ballast"
        process = start_and_wait(words, run_dir, rng)
        fill(ballast)
        message = process.communicate(timeout=120)[1]
        check_failed_run(f"full disk {number}", process.returncode, message, run_dir, tally)
        ballast.unlink()
        go_on(f"full disk {number}", folder, run_dir, tally)
        tally.count("runs on a disk that filled up")


def close_while_training(
    folder: Path, number: int, words: list[object], rng: random.Random, tally: Tally
) -> None:
    """Make the disk of a run read-only at a random moment, and writable again."""
    run_dir = folder / f"closed-{number}"
    process = start_and_wait(words, run_dir, rng)
    with mounted(run_dir, "--bind", str(run_dir)):
        while subprocess.run(["mount", "-o", "remount,bind,ro", str(run_dir)]).returncode:
            time.sleep(0.001)  # refused while a file is being written there
        message = process.communicate(timeout=120)[1]
    name = f"read-only disk {number}"
    check_failed_run(name, process.returncode, message, run_dir, tally)
    tally.expect("free some space" not in message, f"{name}: wrong advice: {message}")
    go_on(name, folder, run_dir, tally)
    tally.count("runs on a disk that became read-only")


def fail_one_call(
    folder: Path,
    call: str,
    error: str,
    words: list[object],
    rng: random.Random,
    tally: Tally,
) -> None:
    """Let one system call of a run fail, or all from then on."""
    when = f"{rng.randint(1, 30)}{rng.choice(('', '+'))}"
    run_dir = folder / f"{call}-{error}"
    tracer = ["strace", "-f", "--seccomp-bpf", "-o", os.devnull, "-e", f"trace={call}"]
    inject = ["-e", f"inject={call}:error={error}:when={when}"]
    done = subprocess.run(
        [*tracer, *inject, *command(*words, "--run-dir", run_dir)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    name = f"{call} {when} fails with {error}"
    tally.count("runs with failing system calls")
    if (run_dir / LAST).exists():
        check_failed_run(name, done.returncode, done.stderr, run_dir, tally)
        go_on(name, folder, run_dir, tally)
    else:
        tally.expect(done.returncode == 4, f"{name}: exit {done.returncode}: {done.stderr}")


def fill_before(folder: Path, tally: Tally) -> None:
    """Let commands write to a full disk: each must say so, and leave nothing."""
    with mounted(folder / "full", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as disk:
        (disk / "data").mkdir()
        fill(disk / "ballast")
        picture = Path(__file__).parents[2] / "bpnet" / "assets" / "seven.jpg"
        drawing = ["data", "synthesize", "--train", 3000, "--test", 10]
        cases: list[tuple[int, list[object]]] = [
            (3, [*drawing, "--data-dir", disk / "data"]),
            (4, ["train", "--config", "chain", "--run-dir", disk / "run"]),
            (3, ["predict", picture, "--explain", disk / "explained.png"]),
        ]
        for code, words in cases:
            done = finish(*words)
            told = done.stderr.strip()
            name = f"{words[0]} on a full disk"
            tally.expect(done.returncode == code, f"{name}: exit {done.returncode}: {told}")
            tally.expect("No space left" in told and "Traceback" not in told, f"{name}: {told}")
            tally.count("commands on a full disk")
        left = {path.name for path in disk.rglob("*") if path.is_file()}
        tally.expect(left == {"ballast"}, f"left on a full disk: {left}")


def start_and_wait(words: list[object], run_dir: Path, rng: random.Random) -> subprocess.Popen[str]:
    """Start a run, and wait until some time after its first checkpoint."""
    process = start(*words, "--run-dir", run_dir, stdout=subprocess.DEVNULL)
    while process.poll() is None and not has_saved(run_dir, None):
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.5))
    return process


def check_failed_run(name: str, code: int, message: str, run_dir: Path, tally: Tally) -> None:
    """Check how a run ended whose disk failed: exit 4 with a reason, and whole checkpoints."""
    said = "cannot be written" in message and "Traceback" not in message
    tally.expect(code == 0 or (code == 4 and said), f"{name}: exit {code}: {message}")
    for file in (LAST, BEST):
        tally.expect(is_whole(run_dir / file), f"{name}: {file} is damaged")


def go_on(name: str, folder: Path, run_dir: Path, tally: Tally) -> None:
    """Resume a run on a disk that works again; it must end as if nothing had been."""
    done = finish("train", "--resume", run_dir, "--data-dir", folder)
    tally.expect(done.returncode == 0, f"{name}: resuming gave {done.stderr}")
    for what in differences(folder / "whole", run_dir):
        tally.expect(False, f"{name}: {what} differs")
    tally.expect(not left_behind(run_dir), f"{name}: {left_behind(run_dir)} are left")


def fill(ballast: Path) -> None:
    """Write zeros until the disk is full."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


@contextmanager
def mounted(place: Path, *how: str) -> Iterator[Path]:
    """Mount something while the block runs."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", *how, str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
