#!/usr/bin/env python3
"""Measure what a training step takes on 1, 2 and 4 MPI ranks, and predict it for networks.

    scripts/measure_ranks.py [--net NAME]… [--rounds N] [--seconds S] [--data-dir DIR]
        [--figure FILE.png] [--brief]

It starts itself with `mpirun`, in each way to compute a net's batches. All of them stay, and take
turns of less than a second (`--seconds`): so a machine that is slower in one minute than in the
next is so for all of them. Times are medians over the rounds of a turn's median step, and ratios
medians of the rounds' ratios. With `--brief` two workers and two ranks alone take turns. The drawn
digits that it trains on are kept in DIR.
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from machines import Machines
from scaling.drawing import draw
from scaling.model import NETWORKS, Link, Work

PLAIN = tuple(f"augment.{key}=0" for key in ("shift", "rotate", "scale", "shear", "elastic_alpha"))
NETS = {
    "mlp": ("mlp", "train.batch_size=512", *PLAIN),
    "mlp, samples": ("mlp", "train.batch_size=512", *PLAIN, "train.split=samples"),
    "lenet5": ("lenet5", "train.batch_size=128", *PLAIN),
    "convnet": ("convnet", "train.batch_size=128"),
}
PREDICTED = (2, 4, 8, 16)
SCRIPT = __file__
SETTINGS = {  # of Open MPI: as root, and with more ranks than processors
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}
Found = dict[str, Any]


class Way(NamedTuple):
    """Hold a way to compute the shards of a batch.

    Args:
        ranks: how many processes MPI starts.
        workers: of each.
        shards: of a batch.
        reduction: how gradients are added up.
    """

    ranks: int
    workers: int = 1
    shards: int = 2
    reduction: str = "ordered"


ALONE, WORKERS, RANKS = Way(1), Way(1, workers=2), Way(2)
WAYS = (
    ALONE, WORKERS, RANKS, Way(2, shards=4), Way(2, shards=4, reduction="fast"),
    Way(1, workers=2, shards=4), Way(4, shards=4), Way(4, shards=4, reduction="fast"),
)  # fmt: skip


class Running:
    """Run a script on some ranks, and speak with rank 0 in lines.

    Args:
        ranks: how many.
        words: that it is started with.
        script: this one, or another.
        machines: on which they run, one on each; None for this one.
    """

    def __init__(
        self,
        ranks: int,
        *words: object,
        script: str = __file__,
        machines: Machines | None = None,
    ) -> None:
        own = [sys.executable, script, *map(str, words)]
        beside = shutil.which("mpirun", path=str(Path(sys.executable).parent))
        mpirun = beside or shutil.which("mpirun") or "mpirun"
        if machines is not None:
            own = machines.mpirun(mpirun, *own)
        elif ranks > 1:
            own = [mpirun, "-n", str(ranks), *own]
        self.process = subprocess.Popen(
            own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | SETTINGS | (machines.variables if machines is not None else {}),
        )  # fmt: skip

    def hear(self) -> Found:
        """Return the next line."""
        assert self.process.stdout is not None
        if not (told := self.process.stdout.readline()):
            sys.exit(f"{self.process.args!r} has ended with {self.process.wait()}")
        found: Found = json.loads(told)
        return found

    def say(self, seconds: float) -> None:
        """Tell it how long its next turn is."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()

    def take_turn(self, seconds: float) -> Found:
        """Let it take steps, and return what they took."""
        self.say(seconds)
        return self.hear()

    def end(self) -> None:
        """Wait until it has ended."""
        self.process.communicate("0\n")


def take_turns(
    net: str, options: argparse.Namespace, ways: Sequence[Way]
) -> dict[Way, list[Found]]:
    """Return what each way has found in each round."""
    running, found = {}, {}
    for way in ways:
        changes = (f"train.shards={way.shards}", f"train.reduction={way.reduction}")
        words = ("--data-dir", options.data_dir, "--workers", way.workers)
        running[way] = Running(way.ranks, *words, "--as-rank", *NETS[net], *changes)
        first = running[way].hear()  # it has taken its first steps, before the next begins
        found[way] = [first | running[way].take_turn(0.1)]
    for _ in range(options.rounds):
        for way, one in running.items():
            found[way].append(found[way][0] | one.take_turn(options.seconds))
    for one in running.values():
        one.end()
    return {way: rounds[1:] for way, rounds in found.items()}


def median(rounds: Sequence[Found], key: str) -> float:
    """Return the median of a number over the rounds."""
    return float(statistics.median(one[key] for one in rounds))


def speed(rounds: Sequence[Found], others: Sequence[Found]) -> float:
    """Return how many times as fast as others a way is, as the median of the rounds' ratios."""
    pairs = zip(rounds, others, strict=True)
    return float(statistics.median(other["step"] / one["step"] for one, other in pairs))


def work_of(net: str, found: Mapping[Way, Sequence[Found]]) -> Work:
    """Return what the model has to know of a net."""
    two = found[RANKS][0]
    return Work(median(found[ALONE], "step"), two["messages"], two["sent_bytes"], has_units(net))


def has_units(net: str) -> bool:
    """Return whether the shards of a net have hidden units; otherwise they have samples."""
    return NETS[net][0] == "mlp" and "train.split=samples" not in NETS[net]


def line(*cells: object) -> None:
    """Print a line of a table in Markdown."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def heads(*cells: str) -> None:
    """Print the heads of a table in Markdown."""
    print()
    line(*cells)
    line(*["---"] * len(cells))


def show_steps(net: str, found: Mapping[Way, Sequence[Found]], link: Link) -> None:
    """Print a line for each way to compute a net's batches, beside what the model says.

    On one machine ranks compute as its workers do, and send each other what these need not.
    """
    work = work_of(net, found)
    for way, rounds in found.items():
        model = "–"
        if way.ranks == way.shards and way.reduction == "ordered":  # as the model has it
            computing = median(found[Way(1, workers=2, shards=way.shards)], "step")
            model = f"{1e3 * work.seconds(way.ranks, link, computing):.2f}"
        line(
            f"`{net}`" if way == ALONE else "", way.ranks, way.workers, way.shards, way.reduction,
            f"{1e3 * median(rounds, 'step'):.2f}",
            f"{1e3 * median(rounds, 'meeting'):.2f}" if way.ranks > 1 else "–",
            f"{rounds[0]['sent_bytes'] / 1e3:,.0f}" if way.ranks > 1 else "–",
            model,
            f"{speed(rounds, found[WORKERS]):.2f}",
        )  # fmt: skip


def compare(nets: Sequence[str], given: argparse.Namespace) -> None:
    """Let two workers and two ranks alone take turns, and print how fast both are."""
    heads("net", "two workers, ms", "two ranks, ms", "of these with each other", "speed")
    for net in nets:
        found = take_turns(net, given, (WORKERS, RANKS))
        times = (median(found[way], "step") for way in (WORKERS, RANKS))
        meeting = f"{1e3 * median(found[RANKS], 'meeting'):.2f}"
        ratio = f"{speed(found[RANKS], found[WORKERS]):.2f}"
        line(f"`{net}`", *(f"{1e3 * seconds:.2f}" for seconds in times), meeting, ratio)


def main() -> None:
    """Measure, print tables in Markdown, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", action="append", choices=NETS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.7, help="of steps in a turn")
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--figure", type=Path, help="where predictions are drawn")
    parser.add_argument("--brief", action="store_true", help="two workers and two ranks alone")
    parser.add_argument("--as-rank", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--link", type=int, nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.as_rank or given.link is not None:
        be_a_rank(given)
        return
    cores = len(os.sched_getaffinity(0))
    nets = given.net or list(NETS)
    if given.brief:
        compare(nets, given)
        return
    found = {net: take_turns(net, given, WAYS) for net in nets}
    sizes = {net: found[net][ALONE][0]["parameters"] for net in nets}
    linking = Running(2, "--link", *sizes.values())
    linked = linking.hear()
    linking.end()
    link = Link(linked["latency"], linked["bandwidth"])
    print(f"{cores} cores; {1e6 * link.latency:.1f} µs and {link.bandwidth / 1e9:.2f} GB/s")
    heads("net", "parameters", "MPI_Allreduce on two ranks, ms")
    for net in nets:
        line(f"`{net}`", f"{sizes[net]:,}", f"{1e3 * linked['allreduce'][str(sizes[net])]:.2f}")
    heads(
        "net", "ranks", "workers in each", "shards", "reduction", "step, ms", "with others, ms",
        "sent, kB", "model, ms", "speed / two workers",
    )  # fmt: skip
    for net in nets:
        show_steps(net, found[net], link)
    works = {net: work_of(net, found[net]) for net in nets}
    heads("net", "network", *(f"{ranks} ranks" for ranks in PREDICTED))
    for net, work in works.items():
        for name, network in NETWORKS.items():
            line(f"`{net}`", name, *(f"{work.speedup(n, network):.1f}×" for n in PREDICTED))
    if given.figure is not None:
        measured = {net: speed(found[net][RANKS], found[net][ALONE]) for net in nets}
        draw(works, measured, given.figure)


def be_a_rank(given: argparse.Namespace) -> None:
    """Do what this script was started for on several ranks."""
    from scaling import one_rank

    if given.link is not None:
        one_rank.measure_link(given.link)
        return
    preset, *changes = given.as_rank
    one_rank.take_turns(preset, changes, given.workers, given.data_dir)


if __name__ == "__main__":
    main()
