"""Train the presets' networks, and answer with them, with bpnet and other frameworks in turn.

    python scripts/compare_frameworks.py [--kernel NAME]… [--kind train|answer]…
        [--batch-size N]… [--rounds N] [--seconds S] [--only NAME]… [--results FILE] [PRESET …]

All frameworks train the same network from the same weights with the same plain momentum on the same
60,000 pictures in memory, on two cores, each in its own process and in each of its fast modes; what
is absent is named with the reason. Before it is timed, each takes a block of steps without dropout:
weights that do not move as bpnet's do exclude it. Answers are class probabilities of pictures in
uint8, compared likewise.

A machine's speed changes from minute to minute, so all take turns over several rounds. Steps are
timed in blocks of 50, or of 5 where there are convolutions, since some modes take a block at a
time; the figure of a turn is the 10th percentile, and the best turn counts. Turns in which others
used the processors do not count, and are taken again, as often as there are rounds; a framework
that had no calm turn is marked with an asterisk. Memory is the peak of all processes of a
framework, with shared pages counted once (Linux).

`--kernel Haswell` makes a processor with AVX-512 compute as one that has AVX2 alone, in all
libraries that can be limited. With `--results FILE` each row is kept as a line of JSON; a row that
is there already, of the same commit, is not measured again, so that a table can be measured piece
by piece.
"""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from peers.contestant import AbsentError, Contestant, Task, deviation
from peers.kernels import description, environment
from peers.work import make_work
from provenance import commit

from bpnet.machine import cpu_name

PRESETS = ("mlp", "mlp800", "lenet5", "fast", "convnet")
FRAMEWORKS = {
    "train": {
        "bpnet": ("numpy_bpnet", "own"),
        "PyTorch eager": ("pytorch", "eager"),
        "PyTorch channels-last": ("pytorch", "channels-last"),
        "PyTorch compiled": ("pytorch", "compiled"),
        "PyTorch compiled step": ("pytorch", "whole-step"),
        "PyTorch by hand": ("pytorch_by_hand", "by-hand"),
        "libtorch": ("libtorch", "autograd"),
        "libtorch by hand": ("libtorch", "by-hand"),
        "JAX": ("jax_jit", "jit"),
        "JAX scan": ("jax_jit", "scan"),
        "TensorFlow graph": ("tensorflow_graph", "graph"),
        "TensorFlow XLA": ("tensorflow_graph", "xla"),
        "scikit-learn": ("sklearn_mlp", "sgd"),
    },
    "answer": {
        "bpnet": ("numpy_bpnet", "own"),
        "ONNX Runtime": ("onnx_runtime", "plain"),
        "ONNX Runtime tuned": ("onnx_runtime", "fastest"),
    },
}
SIZES = {"train": (64, 128), "answer": (10000, 1)}
SAME = 1e-3  # of the way that bpnet's weights moved: weights farther apart are of other work
Row = dict[str, Any]


def measure(task: Task, kernel: str | None, options: argparse.Namespace) -> Row:
    """Let all that can take part do a task in turn; return what they did, in plain numbers."""
    row: Row = {"kind": task.kind, "preset": task.preset, "batch_size": task.batch_size}
    row |= {"kernel": kernel, "cpu": cpu_name(), "commit": commit(), **turns(options)}
    row |= {"absent": {}, "frameworks": []}
    work = make_work(task.preset, task.batch_size).still(1)
    contestants: list[Contestant] = []
    with ExitStack() as running:
        for name, command in FRAMEWORKS[task.kind].items():
            if options.only and name not in {"bpnet", *options.only}:
                continue
            try:
                one = Contestant(name, command, task, environment(kernel))
                contestants.append(running.enter_context(one))
                start = work.weights() if task.kind == "train" else [0 * one.results[0]]
                apart = deviation(start, contestants[0].results, one.results)
                if not apart < SAME:
                    contestants.pop().close()
                    raise AbsentError(f"it does other work: results are {apart:.1e} apart")
            except AbsentError as reason:
                row["absent"][name] = str(reason)
                continue
            row["frameworks"].append({"name": name, "version": one.version, "deviation": apart})
        take_turns(contestants, options.rounds, options.seconds)
    for found, one in zip(row["frameworks"], contestants, strict=True):
        found |= {"seconds": one.best.step, "mean_seconds": one.best.mean}
        found |= {"peak": one.peak, "turns": len(one.turns), "calm_turns": len(one.calm)}
    return row


def take_turns(contestants: list[Contestant], rounds: int, seconds: float) -> None:
    """Let all take turns until each has had enough calm ones, in twice as many rounds at most."""
    for number in range(2 * rounds):
        for contestant in contestants:
            if number < rounds or len(contestant.calm) < rounds:
                contestant.take_turn(seconds)


def cells(row: Row) -> list[str]:
    """Return a row of the table; the best of the others is bold."""
    found = {one["name"]: one for one in row["frameworks"]}
    own = found["bpnet"]
    others = [one for one in row["frameworks"] if one is not own]
    fastest = min(others, key=lambda one: one["seconds"], default=own)
    size = row["batch_size"]
    texts = [f"`{row['preset']}`", f"{size:,}"]
    for name in FRAMEWORKS[row["kind"]]:
        if name not in found:
            texts.append("–")
            continue
        seconds = found[name]["seconds"]
        mark = "" if found[name]["calm_turns"] else "*"
        text = (f"{1e6 * seconds:.1f} µs" if size == 1 else f"{size / seconds / 1000:.2f}") + mark
        texts.append(f"**{text}**" if found[name] is fastest and others else text)
    mark = "" if own["calm_turns"] and fastest["calm_turns"] else "*"
    ratio = f"{fastest['seconds'] / own['seconds']:.2f}{mark}"
    texts += [fastest["name"] if others else "–", ratio]
    for prefix in ("bpnet", "PyTorch" if row["kind"] == "train" else "ONNX"):
        peaks = [one["peak"] for name, one in found.items() if name.startswith(prefix)]
        texts.append(f"{min(peaks) / 1e6:.0f}" if any(peaks) else "–")
    return texts


def heads(kind: str) -> list[str]:
    """Return the heads of a table."""
    other = "PyTorch" if kind == "train" else "ONNX Runtime"
    names = [*FRAMEWORKS[kind], "best other", "bpnet / it", "MB bpnet", f"MB {other}"]
    return ["preset", "batch" if kind == "train" else "pictures", *names]


def line(texts: list[str]) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(texts)} |"


def notes(rows: list[Row]) -> list[str]:
    """Return what stands below a table: versions, who is absent, how equal the work was."""
    found = [one for row in rows for one in row["frameworks"]]
    versions = {one["name"]: one["version"] for one in found}
    commits = sorted({row["commit"] for row in rows})
    lines = [f"Commit {', '.join(commits)}"]
    lines.append(
        "Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items())
    )
    apart = max(one["deviation"] for one in found)
    lines.append(f"Results are {apart:.0e} apart at most, relative to how far bpnet's moved")
    for row in rows:
        for name, reason in row["absent"].items():
            lines.append(f"Absent from `{row['preset']}` {row['batch_size']}: {name}: {reason}")
    if any(not one["calm_turns"] for one in found):
        lines.append("* in each of its turns others used the processors")
    return lines


def turns(options: argparse.Namespace) -> Row:
    """Return who takes turns, how many, and how long they are."""
    return {"only": options.only, "rounds": options.rounds, "seconds": options.seconds}


def kept(task: Task, kernel: str | None, options: argparse.Namespace) -> Row | None:
    """Return the row of a task that the file holds, of this commit, processor and turns."""
    path = options.results
    lines = path.read_text().splitlines() if path is not None and path.exists() else []
    wanted = vars(task) | {"kernel": kernel, "cpu": cpu_name(), "commit": commit()} | turns(options)
    if wanted["commit"].endswith("-dirty"):
        return None  # the changes may have been others
    for row in map(json.loads, lines):
        if all(row.get(key) == value for key, value in wanted.items()):
            return dict(row)
    return None


def keep(path: Path | None, row: Row) -> None:
    """Append a row to the file, if there is one."""
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def main() -> None:
    """Print tables for scripts/README.md."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="*", default=PRESETS, metavar="PRESET")
    parser.add_argument("--kernel", action="append", metavar="NAME", help="such as Haswell")
    parser.add_argument("--kind", action="append", choices=SIZES, help="default: both")
    parser.add_argument("--batch-size", type=int, action="append", metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument(
        "--seconds", type=float, default=1.5, metavar="S", help="per framework and round"
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--results", type=Path, metavar="FILE", help="of rows, a line each")
    options = parser.parse_args()
    for kernel in options.kernel or [None]:
        for kind in options.kind or SIZES:
            print(f"\n{cpu_name()}, Python {sys.version.split()[0]}: {description(kernel)}.\n")
            print(f"{line(heads(kind))}\n|{'---|' * len(heads(kind))}", flush=True)
            rows = []
            for preset in options.presets:
                for size in options.batch_size or SIZES[kind]:
                    task = Task(kind, preset, size)
                    row = kept(task, kernel, options)
                    if row is None:
                        row = measure(task, kernel, options)
                        keep(options.results, row)
                    rows.append(row)
                    print(line(cells(row)), flush=True)
            print("", *notes(rows), sep="\n", flush=True)


if __name__ == "__main__":
    main()
