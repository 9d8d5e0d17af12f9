#!/usr/bin/env python3
"""Measure what it brings to send gradients while others are still computed, on 2 MPI ranks.

    scripts/measure_overlap.py [--net NAME]… [--steps N] [--rate GBIT] [--data-dir DIR]

Every other step begins to send what the backward pass has left behind as soon as it is there:
gradients of the linear layers, of large ones x and δ of each micro-batch. The others send all at
once, as bpnet does. It starts itself with `mpirun`. With `--rate` the ranks are on two simulated
machines that send no more Gbit/s (Linux, root). The drawn digits are kept in DIR.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from machines import Machines
from measure_ranks import NETS, Running

from bpnet.nn.stage import Visitor
from bpnet.training.ranks.exchange import Exchange
from bpnet.training.step.batch import Batch
from bpnet.training.step.sample_messages import SampleMessages

COMPARED = ("lenet5", "convnet")
RANKS = 2  # with one shard each


class Early:
    """Send some of what the gradient phase leaves behind before the phase has ended.

    Args:
        meeting: that of the run, whose exchange after the first phase is replaced.
    """

    batch_size = 0

    def __init__(self, meeting: Any) -> None:
        self.meeting = meeting
        self.ranks = meeting.ranks
        self.is_on = False
        self.number = meeting.ranks.number
        self.own, self.other = meeting.shards[self.number], meeting.shards[1 - self.number]
        self.seconds = 0.0  # in the exchange after the phase
        self._usual = meeting.after
        self._exchanges: dict[Any, Exchange] = {}
        self._begun: list[tuple[Any, Exchange]] = []
        meeting.after = self.after

    def begin(self, key: object, of_own: Sequence[Any], of_other: Sequence[Any]) -> None:
        """Begin to send arrays to the other rank, and to receive its ones."""
        if key not in self._exchanges:
            nothing: list[Any] = []
            sends, receives = [nothing, nothing], [nothing, nothing]
            sends[1 - self.number] = list(of_own)
            receives[1 - self.number] = list(of_other)
            self._exchanges[key] = Exchange(self.ranks, sends, receives)
        exchange = self._exchanges[key]
        exchange.out.pack()
        kind = self.ranks.byte
        request = self.ranks.communicator.Ialltoallv(
            exchange.out.specification(kind), exchange.back.specification(kind)
        )
        self._begun.append((request, exchange))

    def look(self) -> None:
        """Let MPI go on with what has begun."""
        for request, _ in self._begun:
            request.Test()

    def rest(self, batch: Batch, shard: Any, readers: range) -> list[Any]:
        """Return what is left to send after the phase."""
        raise NotImplementedError

    def after(self, phase: int, batch: Batch) -> None:
        """Let the shards meet."""
        began = time.perf_counter()
        if phase or not self.is_on:
            self._usual(phase, batch)
        else:
            numbers = self.meeting.numbers
            own = self.rest(batch, self.own, numbers[1 - self.number])
            other = self.rest(batch, self.other, numbers[self.number])
            self.begin("rest", own, other)
            for request, exchange in self._begun:
                self.ranks.wait(request)
                exchange.back.unpack()
            self._begun.clear()
        if not phase:
            self.seconds = time.perf_counter() - began


class EarlyLinear(Early, Visitor):
    """Send the gradients of all linear layers once the backward pass has reached the first one."""

    def __init__(self, meeting: Any) -> None:
        super().__init__(meeting)
        network = self.own.model.network
        position = next(layer.position for layer in network.layers if layer.kind == "linear")
        self.stage = next(
            number for number, stage in enumerate(network.stages) if stage.position == position - 1
        )
        flat = network.parameters.flat
        weight = network.parameters.views[f"{position}.weight"]
        self.start = (weight.ctypes.data - flat.ctypes.data) // flat.itemsize
        usual: Callable[..., Any] = network.backward
        assert not self.own.takes_micro_batches

        def backward(grad_output: Any, caches: Any) -> Any:
            return usual(grad_output, caches, self if self.is_on else None)

        network.backward = backward

    def parts(self, shard: Any, readers: range, *, early: bool) -> list[Any]:
        """Return the gradients before or behind where the linear layers start."""
        found = []
        for span in shard.spans(readers):
            start, stop = (
                (max(span.start, self.start), span.stop)
                if early
                else (span.start, min(span.stop, self.start))
            )
            if start < stop:
                found.append(shard.gradients.flat[start:stop])
        return found

    def grad_input(self, number: int, grad: Any) -> None:
        """Begin, or let MPI go on."""
        if number == self.stage:
            numbers = self.meeting.numbers
            own = self.parts(self.own, numbers[1 - self.number], early=True)
            self.begin("early", own, self.parts(self.other, numbers[self.number], early=True))
        else:
            self.look()

    def rest(self, batch: Batch, shard: Any, readers: range) -> list[Any]:
        """Return sums, and the gradients of the other layers."""
        return [
            *SampleMessages(shard).totals(batch, readers),
            *self.parts(shard, readers, early=False),
        ]


class EarlyLarge(Early):
    """Send x and δ of a large layer after each micro-batch, while the next one is computed."""

    def __init__(self, meeting: Any) -> None:
        super().__init__(meeting)
        for weight in self.own.large:
            weight.gather = self.gathering(weight, weight.gather)

    def gathering(self, weight: Any, usual: Callable[..., Any]) -> Callable[..., Any]:
        """Return what replaces the method that takes over x and δ."""

        def gather(caches: Any, samples: slice) -> None:
            usual(caches, samples)
            if self.is_on:
                size = self.batch_size
                part = self.own.micro_batches(size).index(samples)
                theirs = self.other.micro_batches(size)[part]
                self.begin(
                    (id(weight), part),
                    [array[:, samples] for array in weight.gathered],
                    [array[:, theirs] for array in weight.gathered],
                )

        return gather

    def rest(self, batch: Batch, shard: Any, readers: range) -> list[Any]:
        """Return sums, and the gradients of the other layers."""
        gradient = [shard.gradients.flat[span] for span in shard.spans(readers)]
        return [*SampleMessages(shard).totals(batch, readers), *gradient]


def measure(net: str, steps: int, place: Path) -> None:
    """Take steps in both ways, in turns, as one of the ranks; rank 0 writes a line of JSON."""
    from bpnet.config.loading import load_config
    from bpnet.data.load import load_dataset
    from bpnet.machine import blas_threads
    from bpnet.model.workers import Workers
    from bpnet.training.loop import Trainer
    from bpnet.training.ranks.joining import join
    from bpnet.training.run import prepare_model

    ranks = join()
    drawn = ("data.dataset=synthetic", "data.synthetic_train=6000", "data.synthetic_test=100")
    more = (*drawn, "data.validation=0", "data.drawn=0", f"train.shards={RANKS}")
    config = load_config(NETS[net][0], (*more, *NETS[net][1:]))
    dataset = ranks.first(lambda: load_dataset(config, place))
    model = prepare_model(config, dataset)
    size = config.train.batch_size
    times: dict[bool, list[float]] = {False: [], True: []}
    waits: dict[bool, list[float]] = {False: [], True: []}
    with blas_threads(config.train.blas_threads), Workers(1) as pool:
        trainer = Trainer(model, dataset, place, pool, "", ranks)
        meeting: Any = trainer.engine.meeting
        early = (EarlyLarge if meeting.shards[0].large else EarlyLinear)(meeting)
        early.batch_size = size
        with trainer.engine:
            for step in range(steps):
                start = step * size % (len(dataset.train) - size)
                early.is_on = bool(step % 2)
                began = time.perf_counter()
                trainer.step(trainer.training[start : start + size])
                times[early.is_on].append(time.perf_counter() - began)
                waits[early.is_on].append(early.seconds)
            trainer.engine.collect()
    if ranks.leads:
        quarter = steps // 4
        found = {
            name: float(np.quantile(values[quarter:], 0.1))
            for name, values in (
                ("at once", times[False]),
                ("overlapped", times[True]),
                ("exchange", waits[False]),
                ("exchange, overlapped", waits[True]),
            )
        }
        found["loss"] = float(np.mean([trainer.progress.loss_sum / trainer.progress.seen]))
        print(json.dumps(found))


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", action="append", choices=COMPARED)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rate", type=float, help="of a link of two machines, in Gbit/s")
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--as-rank", choices=COMPARED, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.as_rank:
        measure(given.as_rank, given.steps, given.data_dir)
        return
    print("| net | step, ms | exchange in it | overlapped | exchange in it | ratio |")
    print("|---|---|---|---|---|---|")
    for net in given.net or COMPARED:
        words = ("--as-rank", net, "--steps", given.steps, "--data-dir", given.data_dir)
        with ExitStack() as held:
            machines = None
            if given.rate:
                folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
                machines = held.enter_context(Machines(RANKS, folder, given.rate))
            found = Running(RANKS, *words, script=__file__, machines=machines).hear()
        columns = ("at once", "exchange", "overlapped", "exchange, overlapped")
        shown = " | ".join(f"{1e3 * found[name]:.2f}" for name in columns)
        print(f"| {net} | {shown} | {found['overlapped'] / found['at once']:.3f} |", flush=True)


if __name__ == "__main__":
    main()
