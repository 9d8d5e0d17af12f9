#!/usr/bin/env python3
"""Check training on MPI ranks: the same weights on 1, 2 and 4, and what killed ranks leave.

    scripts/check_ranks.py [--same] [--kills N [--seed N]] [--data-dir DIR]

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
from pathlib import Path

PROJECT = Path(__file__).parent.parent
sys.path.insert(0, str(PROJECT))

DATA = ("data.dataset=synthetic", "data.synthetic_train=3000", "data.synthetic_test=200",
        "data.validation=300", "data.drawn=0", "data.non_digits=0")  # fmt: skip
FEW = ("data.synthetic_train=1000",)  # a run that is killed saves after each short epoch
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
LONGEST_RUN = 5.0  # seconds before a kill
MANY = 100_000  # epochs: no run ends before it is killed
CODES = {  # of Open MPI's and MPICH's launcher
    signal.SIGTERM: (143, 15),  # the latter where Python itself has hardly begun
    signal.SIGKILL: (137, 9, 1),  # the last where rank 0 has noticed it first
}
MESSAGE = "bpnet: "  # begins each message
SETTINGS = {  # of Open MPI: as root, and with more ranks than processors
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


def command(ranks: int, *words: object) -> list[str]:
    """Return the command line of bpnet on several ranks."""
    beside = shutil.which("mpirun", path=str(Path(sys.executable).parent))
    mpirun = [beside or shutil.which("mpirun") or "mpirun", "-n", str(ranks)]
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
        words, cwd=PROJECT, env=os.environ | SETTINGS, capture_output=True, text=True, check=False
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


def ranks_of(run_dir: Path) -> dict[int, int]:
    """Return the processes of the ranks of a run, by their number; those they forked aside."""
    found: dict[int, tuple[int, int]] = {}  # process and parent
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            if str(run_dir).encode() not in words or b"bpnet" not in words:
                continue
            variables = dict(
                pair.partition(b"=")[::2] for pair in (place / "environ").read_bytes().split(b"\0")
            )
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended, or belongs to somebody else
            continue
        number = variables.get(b"OMPI_COMM_WORLD_RANK", variables.get(b"PMI_RANK", b""))
        if number.isdigit():
            found[int(place.name)] = (int(number), parent)
    return {rank: process for process, (rank, parent) in found.items() if parent not in found}


def seconds_to_end(process: subprocess.Popen[bytes], run_dir: Path) -> float:
    """Wait until the launcher and all ranks have ended; end those that do not."""
    began = time.perf_counter()
    while process.poll() is None or ranks_of(run_dir):
        if time.perf_counter() - began > 3 * LIMIT:
            process.kill()
            for rank in ranks_of(run_dir).values():
                os.kill(rank, signal.SIGKILL)
        time.sleep(0.02)
    return time.perf_counter() - began


def faults_of(number: signal.Signals, code: int | None, said: str) -> list[str]:
    """Return what is wrong with how a run has ended after one rank was signalled.

    Args:
        number: the signal.
        code: the launcher's exit code.
        said: what the launcher and all ranks have written to standard error.
    """
    faults = []
    if code not in CODES[number]:
        faults.append(f"the exit code is none of {', '.join(map(str, CODES[number]))}")
    if (messages := said.count(MESSAGE)) > 1:
        faults.append(f"there are {messages} messages instead of one")
    return faults


def start_and_kill(
    words: list[str], ranks: int, rng: random.Random, run_dir: Path, folder: Path
) -> tuple[float, list[str]]:
    """Start a run that goes on for ever, and signal one rank.

    Returns:
        How long all ranks take to end, in seconds, and what is wrong with how they have ended.
    """
    said, victim = folder / "said", rng.randrange(ranks)
    number = rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
    with said.open("wb") as file:
        process = subprocess.Popen(
            words, cwd=PROJECT, env=os.environ | SETTINGS, stdout=subprocess.DEVNULL, stderr=file
        )
    while process.poll() is None:
        if victim in ranks_of(run_dir) and (run_dir / "last.npz").exists():
            break
        time.sleep(0.05)
    time.sleep(rng.uniform(0, LONGEST_RUN))
    target = ranks_of(run_dir).get(victim)
    if process.poll() is not None or target is None:
        sys.exit(f"the run has ended by itself:\n{said.read_text(encoding='utf-8')}")
    os.kill(target, number)
    seconds = seconds_to_end(process, run_dir)
    what = f"rank {victim} of {ranks}, {number.name}"
    print(f"{what}: exit code {process.returncode} after {seconds:.2f} s", flush=True)
    text = said.read_text(encoding="utf-8")
    faults = faults_of(number, process.returncode, text)
    if faults:
        print(*faults, text, sep="\n", flush=True)
    return seconds, faults


def check_kills(kills: int, seed: int, folder: Path, data: Path) -> bool:
    """Kill random ranks at random moments, go on, on 2 or 4 ranks, and end as if nothing had been.

    The first rank to be killed is one of a run that has written a checkpoint; all others may be
    killed while the run begins.
    """
    from bpnet.model.checkpoint import load_checkpoint

    rng = random.Random(seed)
    net = NETS["batch norm and dropout"]
    settings = (*net, *DATA, *FEW, "train.shards=4", "schedule.name=constant")
    run_dir, straight = folder / "killed", folder / "straight"
    words, ranks = train_command(2, run_dir, data, *settings, f"train.epochs={MANY}"), 2
    go_on = ("train", "--resume", run_dir, "--data-dir", data)
    longest, lost, wrong = 0.0, 0, 0
    for _ in range(kills):
        seconds, faults = start_and_kill(words, ranks, rng, run_dir, folder)
        longest, wrong = max(longest, seconds), wrong + bool(faults)
        try:
            digest(run_dir)
        except Exception as error:
            lost += 1
            print(error)
        ranks = rng.choice((2, 4))
        words = command(ranks, *go_on)
    epochs = load_checkpoint(run_dir / "last.npz").record["progress"]["epoch"] + 1
    run(command(ranks, *go_on, "--epochs", epochs))
    run(train_command(1, straight, data, *settings, f"train.epochs={epochs}"))
    is_same = digest(run_dir) == digest(straight)
    print(
        f"{kills} kills: all ranks had ended after {longest:.2f} s at most; {lost} checkpoints "
        f"lost; resumes {'exact' if is_same else 'NOT exact'}, after {epochs} epochs"
    )
    if wrong:
        print(f"{wrong} runs ended with another exit code than documented, or many messages")
    return is_same and not lost and not wrong and longest < LIMIT


def main() -> None:
    """Run the checks that are asked for; exit with 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--same", action="store_true")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1, help="of who is killed, and when")
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        is_good = not given.same or check_same(folder, given.data_dir)
        if given.kills:
            is_good &= check_kills(given.kills, given.seed, folder, given.data_dir)
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
