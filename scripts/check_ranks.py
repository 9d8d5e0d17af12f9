#!/usr/bin/env python3
"""Check training on MPI ranks: the same weights on 1, 2 and 4, and what killed ranks leave.

    scripts/check_ranks.py [--same] [--kills N] [--data-dir DIR]

It starts `bpnet train` with `mpirun`, on drawn digits that are kept in DIR.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).parent.parent
sys.path.insert(0, str(PROJECT))

DATA = ("data.dataset=synthetic", "data.synthetic_train=3000", "data.synthetic_test=200",
        "data.validation=300", "data.drawn=0", "data.non_digits=0")  # fmt: skip
SHORT = (*DATA, "train.epochs=1", "train.shards=4")
NORMALISED = (
    "model.layers=conv 8 kernel=3, batchnorm, relu, maxpool 2, flatten, dropout 0.3, linear 10"
)
NETS = {
    "mlp": ("mlp",),
    "lenet5, augmented": ("lenet5",),
    "lenet5": ("lenet5", "augment.shift=0"),
    "convnet": ("convnet",),
    "batch norm and dropout": ("fast", NORMALISED, "train.ema=0.9"),
}
RANKS = ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1))  # and workers in each
LIMIT = 10.0  # seconds that a run may take to end after a kill
ALLOWED = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def command(ranks: int, *words: object) -> list[str]:
    """Return the command line of bpnet on several ranks."""
    beside = shutil.which("mpirun", path=str(Path(sys.executable).parent))
    mpirun = [beside or shutil.which("mpirun") or "mpirun", "-n", str(ranks), "--oversubscribe"]
    own = [sys.executable, "-m", "bpnet", *map(str, words)]
    return own if ranks == 1 else [*mpirun, *own]


def train_command(ranks: int, run_dir: Path, data: Path, *settings: str) -> list[str]:
    """Return the command that trains; the first setting names the config."""
    more = [word for setting in settings[1:] for word in ("--set", setting)]
    words = ("train", settings[0], "--run-dir", run_dir, "--data-dir", data, *more)
    return command(ranks, *words)


def run(words: list[str]) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(
        words, cwd=PROJECT, env=os.environ | ALLOWED, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)


def digest(run_dir: Path) -> str:
    """Return the SHA-256 of all arrays of a run's last checkpoint."""
    from bpnet.model.checkpoint import load_checkpoint

    sums = hashlib.sha256()
    for name, array in sorted(load_checkpoint(run_dir / "last.npz").arrays.items()):
        sums.update(name.encode() + array.tobytes())
    return sums.hexdigest()


def check_same(folder: Path, data: Path) -> bool:
    """Train each net on each number of ranks, print what the weights hash to, and compare."""
    is_same = True
    for net, settings in NETS.items():
        found = {}
        for ranks, workers in RANKS:
            place = folder / f"{net}-{ranks}-{workers}"
            own = f"train.workers={workers}"
            run(train_command(ranks, place, data, *settings, *SHORT, own))
            found[ranks, workers] = digest(place)
            print(f"{net}: {ranks} × {workers}: {found[ranks, workers][:16]}", flush=True)
        is_same &= len(set(found.values())) == 1
    return is_same


def process_of(rank: int, run_dir: Path) -> int | None:
    """Return the process of a rank of a run."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            variables = (place / "environ").read_bytes().split(b"\0")
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended, or belongs to somebody else
            continue
        known = f"OMPI_COMM_WORLD_RANK={rank}".encode(), f"PMI_RANK={rank}".encode()
        if set(known) & set(variables) and str(run_dir).encode() in words and b"bpnet" in words:
            return int(place.name)
    return None


def check_kills(kills: int, epochs: int, folder: Path, data: Path) -> bool:
    """Kill random ranks at random moments; go on, on 1, 2 or 4 ranks, until the run is done."""
    rng = random.Random(1)
    settings = (*NETS["batch norm and dropout"], *DATA, "train.shards=4", f"train.epochs={epochs}")
    run_dir, straight = folder / "killed", folder / "straight"
    words = train_command(2, run_dir, data, *settings)
    longest, lost = 0.0, 0
    for number in range(kills):
        ranks = rng.choice((2, 4))
        if number:
            resumed = ("train", "--resume", run_dir, "--data-dir", data)
            words = command(ranks, *resumed)
        else:
            ranks = 2
        process = subprocess.Popen(
            words,
            cwd=PROJECT,
            env=os.environ | ALLOWED,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        target, victim = None, rng.randrange(ranks)
        while process.poll() is None and target is None:
            time.sleep(0.05)
            target = process_of(victim, run_dir)
        while not number and not (run_dir / "last.npz").exists():
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 5))
        began = time.perf_counter()
        if target is not None and process.poll() is None:
            with suppress(ProcessLookupError):  # the run has just ended
                os.kill(target, rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
        try:
            process.wait(timeout=3 * LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
        seconds = time.perf_counter() - began
        longest = max(longest, seconds)
        print(f"{number + 1}: {ranks} ranks, rank {victim} killed: {seconds:.2f} s", flush=True)
        try:
            digest(run_dir)
        except Exception as error:
            lost += 1
            print(f"kill {number + 1}: {error}")
    print(f"{kills} kills: the longest end took {longest:.2f} s; {lost} checkpoints lost")
    from bpnet.model.checkpoint import load_checkpoint

    epoch = load_checkpoint(run_dir / "last.npz").record["progress"]["epoch"]
    run(command(2, "train", "--resume", run_dir, "--data-dir", data))
    run(train_command(1, straight, data, *settings))
    is_same = digest(run_dir) == digest(straight)
    print(f"last resumed after epoch {epoch}: {'same' if is_same else 'OTHER'} weights at the end")
    return is_same and not lost and longest < LIMIT


def main() -> None:
    """Run the checks that are asked for; exit with 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--same", action="store_true")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=200, help="of the run that is killed")
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        is_good = not given.same or check_same(folder, given.data_dir)
        if given.kills:
            is_good &= check_kills(given.kills, given.epochs, folder, given.data_dir)
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
