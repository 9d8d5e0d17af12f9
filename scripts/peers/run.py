"""Time one framework on one work, in its own process, whenever a line asks for it.

    python scripts/peers/run.py KIND FRAMEWORK MODE PRESET BATCH_SIZE RESULT

KIND is `train` or `answer`. What the framework has computed is written to the file RESULT first, so
that it can be compared: the weights after a block of steps, or probabilities. Then each line of
standard input holds a number of seconds; each answer is a line of JSON.
"""

import importlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from peers.work import Index, Work

sys.path.insert(0, str(Path(__file__).parents[1]))
THREADS = 2
WARM_UP = 20  # steps that do not count
LEAST = 3  # blocks of a round
CHECKED = 6400  # pictures from which the compared weights learn


def main() -> None:
    """Answer line after line until the input ends."""
    kind, framework, mode, preset, batch_size, result = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    warnings.simplefilter("ignore")
    from peers.work import make_work

    work = make_work(preset, int(batch_size))
    prepare = {"train": prepare_training, "answer": prepare_answers}[kind]
    try:
        module = importlib.import_module(f"peers.{framework}")
        block, per_block = prepare(module, work, mode, Path(result))
    except (ImportError, NotImplementedError) as error:
        say({"missing": str(error)})
        return
    del work  # the framework has what it needs of it
    say({"version": module.VERSION})
    for line in sys.stdin:
        say(time_blocks(block, per_block, float(line)))


def say(document: object) -> None:
    """Answer with a line of JSON."""
    print(json.dumps(document), flush=True)


def prepare_training(
    module: Any, work: "Work", mode: str, result: Path
) -> tuple[Callable[[], object], int]:
    """Write the weights after a block of steps; return what takes a block, and its steps."""
    few = work.still(CHECKED)
    trained = module.train(few, mode)
    trained.steps(shuffled(few)[: few.block])
    np.savez(result, *trained.weights())
    trained.close()
    del trained, few
    training = module.train(work, mode)
    batches = shuffled(work)
    blocks = batches[: len(batches) // work.block * work.block]
    blocks = blocks.reshape(-1, work.block, work.batch_size)
    number = 0

    def next_block() -> None:
        nonlocal number
        training.steps(blocks[number % len(blocks)])
        number += 1

    return next_block, work.block


def prepare_answers(
    module: Any, work: "Work", mode: str, result: Path
) -> tuple[Callable[[], object], int]:
    """Write some probabilities; return what answers, and how often it does so in a block."""
    answer = module.answer(work, mode)
    size = work.batch_size
    batches = [work.images[start : start + size] for start in range(0, 10000, size)]
    np.savez(result, np.concatenate([np.array(answer(images)) for images in batches[:100]]))
    number, calls = 0, max(1, 100 // size)

    def next_answers() -> None:
        nonlocal number
        for _ in range(calls):
            answer(batches[number % len(batches)])
            number += 1

    return next_answers, calls


def shuffled(work: "Work") -> "Index":
    """Return the numbers of all pictures in random order, batch by batch."""
    order = np.random.default_rng(1).permutation(len(work.images))
    size = work.batch_size
    return order[: len(order) // size * size].reshape(-1, size)


def time_blocks(block: Callable[[], object], per_block: int, seconds: float) -> dict[str, float]:
    """Return the 10th percentile and the mean of the seconds per step, or per answer."""
    times: list[float] = []
    first = -(-WARM_UP // per_block)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < first + LEAST:
        start = time.perf_counter()
        block()
        times.append(time.perf_counter() - start)
    steps = np.array(times[first:]) / per_block
    return {"step": float(np.percentile(steps, 10)), "mean": float(steps.mean())}


if __name__ == "__main__":
    main()
