"""Train the presets' networks with bpnet and with other frameworks in turn, and compare.

    python scripts/compare_frameworks.py [--batch-size N]… [--rounds N] [--seconds S] [PRESET …]

Those installed take part: PyTorch (eager, channels-last, compiled; always with the fused
optimiser), JAX (the whole step compiled) and scikit-learn (perceptrons). All train the same
network with the same plain momentum on the same 60,000 pictures in memory, on two threads or
processes, each in its own process. A machine's speed changes from minute to minute, so they are
timed in turn over several rounds; the figure of a round is the 10th percentile of its step times,
and the best round counts. Memory is the peak of all processes of a framework together, with shared
pages counted once (Linux).
"""

import argparse
import json
import selectors
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bpnet.bench.isolated import family, proportional_bytes
from bpnet.machine import cpu_name

PRESETS = ("mlp", "mlp800", "lenet5", "fast", "convnet")
CONTESTANTS = (
    ("bpnet", "numpy_bpnet", "own"),
    ("PyTorch eager", "pytorch", "eager"),
    ("PyTorch channels-last", "pytorch", "channels-last"),
    ("PyTorch compiled", "pytorch", "compiled"),
    ("JAX", "jax_jit", "jit"),
    ("scikit-learn", "sklearn_mlp", "sgd"),
)
LOOK_EVERY = 0.05  # seconds between readings of memory


@dataclass
class Contestant:
    """Hold one framework at work.

    Args:
        name: for people.
        process: what computes.
        step: seconds of a step, the best so far.
        peak: bytes of memory, the most so far.
    """

    name: str
    process: "subprocess.Popen[str]"
    version: str = ""
    step: float = float("inf")
    peak: int = 0
    _selector: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)

    def answer(self) -> Any:
        """Wait for a line of the process, watching its memory."""
        assert self.process.stdout is not None
        if not self._selector.get_map():
            self._selector.register(self.process.stdout, selectors.EVENT_READ)
        while not self._selector.select(LOOK_EVERY):
            self.peak = max(self.peak, sum(map(proportional_bytes, family(self.process.pid))))
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} failed; see its messages above")
        return json.loads(line)

    def take_round(self, seconds: float) -> None:
        """Let it train for some seconds."""
        assert self.process.stdin is not None
        print(seconds, file=self.process.stdin, flush=True)
        self.step = min(self.step, self.answer())

    def close(self) -> None:
        """End the process."""
        self.process.communicate()
        self._selector.close()


def start(preset: str, batch_size: int, without: list[str]) -> list[Contestant]:
    """Start all frameworks that are installed, wanted and able to build such a network."""
    runner = str(Path(__file__).parent / "peers" / "run.py")
    contestants = []
    for name, framework, mode in CONTESTANTS:
        if name in without:
            continue
        command = [sys.executable, runner, framework, mode, preset, str(batch_size)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        contestant = Contestant(name, process)
        answer = contestant.answer()
        if "missing" in answer:
            contestant.close()
            continue
        contestant.version = answer["version"]
        contestants.append(contestant)
    return contestants


def compare(contestants: list[Contestant], rounds: int, seconds: float) -> None:
    """Let all contestants take their rounds in turn."""
    for _ in range(rounds):
        for contestant in contestants:
            contestant.take_round(seconds)
    for contestant in contestants:
        contestant.close()


def row(preset: str, batch_size: int, contestants: list[Contestant]) -> str:
    """Return one row of the table; the best of the others is bold."""
    own, *others = contestants
    by_name = {contestant.name: contestant for contestant in contestants}
    fastest = min(others, key=lambda other: other.step, default=own)
    cells = [preset, str(batch_size)]
    for name, _, _ in CONTESTANTS:
        contestant = by_name.get(name)
        speed = f"{batch_size / contestant.step / 1000:.2f}" if contestant else "–"
        cells.append(f"**{speed}**" if contestant is fastest and others else speed)
    cells.append(f"{fastest.step / own.step:.2f}")
    torch = [other for other in others if other.name.startswith("PyTorch")]
    least = min((other.peak for other in torch), default=0)
    cells += [f"{own.peak / 1e6:.0f}", f"{least / 1e6:.0f}" if least else "–"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print a table for scripts/README.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="*", default=PRESETS, metavar="PRESET")
    parser.add_argument("--batch-size", type=int, action="append", metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument(
        "--seconds", type=float, default=1.5, metavar="S", help="per framework and round"
    )
    parser.add_argument("--without", action="append", default=[], metavar="NAME")
    options = parser.parse_args()
    print(f"{cpu_name()}, Python {sys.version.split()[0]}")
    heads = ["preset", "batch", *(name for name, _, _ in CONTESTANTS)]
    heads += ["bpnet / best other", "MB bpnet", "MB PyTorch"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)
    versions: dict[str, str] = {}
    for preset in options.presets:
        for batch_size in options.batch_size or (64, 128):
            contestants = start(preset, batch_size, options.without)
            compare(contestants, options.rounds, options.seconds)
            versions |= {contestant.name: contestant.version for contestant in contestants}
            print(row(preset, batch_size, contestants), flush=True)
    print(", ".join(f"{name} {version}" for name, version in versions.items()))


if __name__ == "__main__":
    main()
