"""Predict what a training step takes on several ranks.

    T(N) = C / N + m L + B / W

with C the seconds that one worker takes for the whole batch, m messages that a rank sends one after
the other, each after a latency of L seconds, and B bytes over a link of W bytes per second.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """Hold what joins two ranks.

    Args:
        latency: seconds until a short message has come.
        bandwidth: bytes per second of a long one, each way.
    """

    latency: float
    bandwidth: float


NETWORKS = {"10 Gbit/s": Link(25e-6, 1.25e9), "100 Gbit/s": Link(5e-6, 12.5e9)}


@dataclass(frozen=True)
class Work:
    """Hold what a network's step consists of.

    Args:
        compute: C, seconds that one worker takes for the whole batch.
        exchanges: how often all ranks meet in a step.
        sent_by_two: bytes that each of two ranks sends in a step, with one shard on each.
        is_units: whether ranks have hidden units; otherwise they have samples.
    """

    compute: float
    exchanges: int
    sent_by_two: float
    is_units: bool

    def messages(self, ranks: int) -> int:
        """Return m: to each other rank one in each exchange."""
        return self.exchanges * (ranks - 1)

    def sent(self, ranks: int) -> float:
        """Return B, with one shard on each rank.

        A rank sends (N − 1)/N of a gradient, and then of the weights, where each of two sends a
        half; where it has hidden units, its part of z² goes to each of the N − 1 others.
        """
        factor = (ranks - 1) if self.is_units else 2 * (ranks - 1) / ranks
        return self.sent_by_two * factor

    def seconds(self, ranks: int, link: Link, computing: float | None = None) -> float:
        """Return T(N).

        Args:
            ranks: N.
            link: between any two of them.
            computing: what takes the place of C / N where ranks share a machine: seconds that its
                workers take for the whole batch; None where each rank has a machine of its own.
        """
        if computing is None:
            computing = self.compute / ranks
        return computing + self.messages(ranks) * link.latency + self.sent(ranks) / link.bandwidth

    def speedup(self, ranks: int, link: Link) -> float:
        """Return how many times as fast as one worker N ranks are."""
        return self.compute / self.seconds(ranks, link) if ranks > 1 else 1.0
