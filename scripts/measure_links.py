#!/usr/bin/env python3
"""Measure steps of two machines that a link of some speed joins, beside what the model predicts.

    scripts/measure_links.py [--rate GBIT]… [--net NAME]… [--rounds N] [--seconds S]

Linux simulates the machines, for its administrator (root): they have a core each, and know no more
of each other than what they send. Two workers of one machine, and the ranks of both, take turns;
times are medians over the rounds of a turn's median step. The model takes the link's stated speed,
or the one that long messages have when there is nothing else to do.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from machines import Machines
from measure_ranks import NETS, RANKS, SCRIPT, WORKERS, Running, Way, has_units, heads, line
from scaling.model import Link, Work

RATES = (1.0, 2.0, 10.0)  # Gbit/s


def running(net: str, way: Way, place: Path, machines: Machines | None = None) -> Running:
    """Begin a way to compute a net's batches."""
    words = ("--data-dir", place, "--workers", way.workers, "--as-rank", *NETS[net])
    shards = f"train.shards={way.shards}"
    return Running(way.ranks, *words, shards, script=SCRIPT, machines=machines)


def link_of(machines: Machines) -> Link:
    """Measure what joins two machines, with nothing else to do."""
    asking = Running(2, "--link", 1000, script=SCRIPT, machines=machines)
    found = asking.hear()
    asking.end()
    return Link(found["latency"], found["bandwidth"])


def measure(net: str, given: argparse.Namespace, place: Path) -> None:
    """Print a line for each speed of the link."""
    with Machines(2, place) as machines:
        alone, both = running(net, WORKERS, place), running(net, RANKS, place, machines)
        alone.hear()
        sent = both.hear()
        work = Work(0.0, sent["messages"], sent["sent_bytes"], has_units(net))
        for rate in given.rate or RATES:
            machines.limit(rate)
            link = link_of(machines)
            stated = Link(link.latency, rate * 1e9 / 8)
            turns = [
                [one.take_turn(given.seconds)["step"] for one in (alone, both)]
                for _ in range(given.rounds)
            ]
            workers, ranks = (statistics.median(times) for times in zip(*turns, strict=True))
            models = [work.seconds(2, one, workers) for one in (stated, link)]
            line(
                f"`{net}`", f"{rate:g} Gbit/s",
                f"{1e6 * link.latency:.0f}", f"{link.bandwidth / 1e9:.2f}",
                f"{sent['sent_bytes'] / 1e3:,.0f}", f"{1e3 * workers:.2f}", f"{1e3 * ranks:.2f}",
                *(f"{1e3 * model:.2f} ({ranks / model:.2f})" for model in models),
            )  # fmt: skip
        both.end()
        alone.end()


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", action="append", type=float, help="of the link, in Gbit/s")
    parser.add_argument("--net", action="append", choices=NETS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.6, help="of steps in a turn")
    given = parser.parse_args()
    heads(
        "net", "link", "latency, µs", "measured GB/s", "sent, kB", "two workers, ms",
        "two machines, ms", "model, stated speed, ms (measured / model)", "model, measured speed",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        for net in given.net or NETS:
            measure(net, given, Path(name))


if __name__ == "__main__":
    main()
