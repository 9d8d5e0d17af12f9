#!/usr/bin/env python3
"""Measure what a training step takes on 1, 2 and 4 MPI ranks, and predict it for networks.

    scripts/measure_ranks.py [--net NAME]… [--ranks N]… [--steps N] [--data-dir DIR]

It starts itself with `mpirun`. The drawn digits that it trains on are kept in DIR.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
sys.path.insert(0, str(PROJECT))

PLAIN = tuple(f"augment.{key}=0" for key in ("shift", "rotate", "scale", "shear", "elastic_alpha"))
NETS = {
    "mlp": ("mlp", "train.batch_size=512", *PLAIN),
    "mlp, samples": ("mlp", "train.batch_size=512", *PLAIN, "train.split=samples"),
    "lenet5": ("lenet5", "train.batch_size=128", *PLAIN),
    "convnet": ("convnet", "train.batch_size=128"),
}
RANKS = (1, 2, 4)
NETWORKS = {"10 Gbit/s": (25e-6, 1.25e9), "100 Gbit/s": (5e-6, 12.5e9)}  # seconds, bytes/s
PREDICTED = (2, 4, 8, 16)


class TimedMeeting:
    """Add up the time that a rank spends with others."""

    def __init__(self, meeting: Any) -> None:
        self.meeting = meeting
        self.seconds = 0.0

    def meets_after(self, phase: int) -> bool:
        """Return what the meeting returns."""
        return bool(self.meeting.meets_after(phase))

    def after(self, phase: int, batch: Any) -> None:
        """Let the meeting do it."""
        began = time.perf_counter()
        self.meeting.after(phase, batch)
        self.seconds += time.perf_counter() - began

    def collect(self, groups: Any) -> None:
        """Let the meeting do it."""
        self.meeting.collect(groups)


def measure(words: Sequence[str], workers: int, shards: int, steps: int, place: Path) -> None:
    """Take steps as one of the ranks; rank 0 writes a line of JSON."""
    from bpnet.config.loading import load_config
    from bpnet.data.load import load_dataset
    from bpnet.launcher import launched
    from bpnet.machine import blas_threads
    from bpnet.model.workers import Workers
    from bpnet.training.loop import Trainer
    from bpnet.training.ranks.joining import join
    from bpnet.training.ranks.ranks import ALONE, Ranks
    from bpnet.training.run import prepare_model

    ranks: Ranks = ALONE if launched() is None else join()
    drawn = ("data.dataset=synthetic", "data.synthetic_train=6000", "data.synthetic_test=100")
    more = (*drawn, "data.validation=0", "data.drawn=0", f"train.shards={shards}")
    config = load_config(words[0], (*more, *words[1:]))
    dataset = ranks.first(lambda: load_dataset(config, place))
    model = prepare_model(config, dataset)
    size = config.train.batch_size
    times, meetings = [], []
    with blas_threads(config.train.blas_threads), Workers(workers) as pool:
        trainer = Trainer(model, dataset, place, pool, "", ranks)
        timed = None
        if ranks.count > 1:
            timed = TimedMeeting(trainer.engine.meeting)
            executor: Any = trainer.engine.executor
            executor.meeting = timed
        with trainer.engine:
            for step in range(steps):
                start = step * size % (len(dataset.train) - size)
                before = 0.0 if timed is None else timed.seconds
                began = time.perf_counter()
                trainer.step(trainer.training[start : start + size])
                times.append(time.perf_counter() - began)
                meetings.append(0.0 if timed is None else timed.seconds - before)
    sent, exchanges = 0, 0
    if timed is not None:
        from bpnet.training.step.batch import Batch

        batch = Batch(trainer.training[:size], 0, 0, 0.0)
        for phase in range(len(trainer.engine.shards[0].phases)):
            if timed.meets_after(phase):
                sent += timed.meeting.exchange(phase, batch).sent_bytes
                exchanges += 1
    if ranks.leads:
        half = steps // 2
        found = {
            "step": statistics.median(times[half:]),
            "meeting": statistics.median(meetings[half:]),
            "sent_bytes": sent,
            "exchanges": exchanges,
            "parameters": model.network.parameters.flat.size,
        }
        print(json.dumps(found))


def measure_link() -> None:
    """Measure latency and bandwidth between two ranks; rank 0 writes a line of JSON."""
    import numpy as np

    from bpnet.training.ranks.joining import join

    ranks = join()
    communicator = ranks.communicator
    found = {}
    for name, size, rounds in (("latency", 8, 500), ("large", 4 << 20, 30)):
        out, back = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            ranks.wait(communicator.Isendrecv(out, 1 - ranks.number, 9, back, 1 - ranks.number, 9))
            times.append(time.perf_counter() - began)
        found[name] = statistics.median(times)
    found["bandwidth"] = (4 << 20) / (found["large"] - found["latency"])
    if ranks.leads:
        print(json.dumps(found))


def on_ranks(ranks: int, *words: object) -> dict[str, Any]:
    """Start this script on several ranks, and return what it has found."""
    own = [sys.executable, __file__, *map(str, words)]
    beside = shutil.which("mpirun", path=str(Path(sys.executable).parent))
    mpirun = beside or shutil.which("mpirun") or "mpirun"
    launcher = [] if ranks == 1 else [mpirun, "-n", str(ranks), "--oversubscribe"]
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run(
        [*launcher, *own], capture_output=True, text=True, env=os.environ | allowed, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def predicted(alone: float, parts: int, found: dict[str, Any], link: tuple[float, float]) -> float:
    """Return the time of a step, `C / parts + exchanges · latency + bytes / bandwidth`.

    Args:
        alone: C, seconds that one worker takes for the whole batch.
        parts: how many compute at the same time.
        found: bytes that each rank sends in a step, in how many exchanges.
        link: latency in seconds, and bandwidth in bytes per second.
    """
    latency, bandwidth = link
    return float(alone / parts + found["exchanges"] * latency + found["sent_bytes"] / bandwidth)


def scaled(found: dict[str, Any], ranks: int, *, is_units: bool) -> dict[str, Any]:
    """Return bytes and exchanges of a step on more ranks than two, with one shard on each.

    A rank then sends (N − 1)/N of all gradients and weights instead of 1/2; where it has hidden
    units, its part of z² goes to each of the N − 1 others.
    """
    factor = (ranks - 1) if is_units else 2 * (ranks - 1) / ranks
    exchanges = found["exchanges"] * (ranks - 1)  # a message to each other rank, one by one
    return {"sent_bytes": found["sent_bytes"] * factor, "exchanges": exchanges}


def main() -> None:
    """Measure, and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", action="append", choices=NETS)
    parser.add_argument("--ranks", action="append", type=int)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--as-rank", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--shards", type=int, default=2, help=argparse.SUPPRESS)
    parser.add_argument("--link", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.link:
        measure_link()
        return
    if given.as_rank:
        measure(given.as_rank, given.workers, given.shards, given.steps, given.data_dir)
        return
    common = ("--steps", given.steps, "--data-dir", given.data_dir)
    cores = len(os.sched_getaffinity(0))
    found = on_ranks(2, "--link")
    link = found["latency"], found["bandwidth"]
    print(f"link: {1e6 * link[0]:.1f} µs, {link[1] / 1e9:.2f} GB/s; {cores} cores\n")
    print("| net | ranks | workers in each | step, ms | with others, ms | sent, kB | model, ms |")
    print("|---|---|---|---|---|---|---|")
    forecasts = []
    for net in given.net or NETS:
        words = NETS[net]
        for reduction in ("ordered", "fast") if net != "mlp" else ("ordered",):
            shards = max(given.ranks or RANKS)
            alone = 0.0
            for ranks in given.ranks or RANKS:
                for workers in (1, cores) if ranks == 1 and reduction == "ordered" else (1,):
                    run = on_ranks(
                        ranks, *common, "--workers", workers, "--shards", shards,
                        "--as-rank", *words, f"train.reduction={reduction}",
                    )  # fmt: skip
                    if ranks == workers == 1:
                        alone = run["step"]
                    model = predicted(alone, min(cores, ranks * workers), run, link)
                    print(
                        f"| {net}, {reduction} | {ranks} | {workers} | {1e3 * run['step']:.2f} "
                        f"| {1e3 * run['meeting']:.2f} | {run['sent_bytes'] / 1e3:,.0f} "
                        f"| {1e3 * model:.2f} |",
                        flush=True,
                    )
            if reduction == "ordered":
                two = on_ranks(2, *common, "--shards", 2, "--as-rank", *words)
                forecasts.append((net, alone, two))
    print("\n| net | network | " + " | ".join(f"{n} ranks" for n in PREDICTED) + " |")
    print("|---|---|" + "---|" * len(PREDICTED))
    for net, alone, two in forecasts:
        for name, network in NETWORKS.items():
            speeds = []
            for ranks in PREDICTED:
                more = scaled(two, ranks, is_units=net == "mlp")
                speeds.append(f"{alone / predicted(alone, ranks, more, network):.1f}×")
            print(f"| {net} | {name} | " + " | ".join(speeds) + " |")


if __name__ == "__main__":
    main()
