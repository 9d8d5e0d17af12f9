"""Time one framework on one work, in its own process, whenever a line asks for it.

    python scripts/peers/run.py FRAMEWORK MODE PRESET BATCH_SIZE

Each line of standard input holds a number of seconds; each answer is a line of JSON.
"""

import importlib
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
WARM_UP = 20  # steps that do not count


def main() -> None:
    """Answer line after line until the input ends."""
    framework, mode, preset, batch_size = sys.argv[1:]
    warnings.simplefilter("ignore")
    from peers.work import PICTURES, Step, make_work

    work = make_work(preset, int(batch_size))
    try:
        module = importlib.import_module(f"peers.{framework}")
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), flush=True)
        return
    step: Step | None = module.build(work, mode)
    del work  # the framework has what it needs of it
    if step is None:
        print(json.dumps({"missing": "cannot build such a network"}), flush=True)
        return
    print(json.dumps({"version": module.VERSION}), flush=True)
    order = np.random.default_rng(1).permutation(PICTURES)
    size = int(batch_size)
    batches = order[: PICTURES - PICTURES % size].reshape(-1, size)
    number = 0
    for line in sys.stdin:
        times: list[float] = []
        end = time.perf_counter() + float(line)
        while time.perf_counter() < end or len(times) < WARM_UP + 10:
            start = time.perf_counter()
            step(batches[number % len(batches)])
            times.append(time.perf_counter() - start)
            number += 1
        print(json.dumps(float(np.percentile(times[WARM_UP:], 10))), flush=True)


if __name__ == "__main__":
    main()
