"""Measure the memory of training runs, and compare their bits with another version's.

    python scripts/measure_memory.py [--data-dir DIR] [--beside CHECKOUT] [--parts] [PRESET …]

Runs `bpnet train --epochs 1` as a user does, and every 20 ms adds up the proportional set sizes
of all its processes, in which shared pages count once. A reading counts where the next one confirms
it: a process that is just being started may be counted twice. With --beside, another checkout takes
turns, and the SHA-256 of all weights tells whether both have computed the same bits.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from bpnet.bench.isolated import family, proportional_bytes

PRESETS = ("mlp", "mlp800", "lenet5", "fast", "convnet", "best", "fashion")
PERIOD = 0.02  # seconds between two readings
HERE = Path(__file__).resolve().parents[1]


def parts_of(process: int) -> Counter[str]:
    """Return the proportional bytes of a process by what its pages are (Linux)."""
    parts: Counter[str] = Counter()
    try:
        lines = Path(f"/proc/{process}/smaps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return parts
    what, resident = "", 0
    for line in lines:
        words = line.split()
        if not words[0].endswith(":"):
            name = words[5] if len(words) > 5 else ""
            what = {"": "arrays and objects", "[heap]": "heap"}.get(name, "files, mostly libraries")
            what = "arrays of all processes" if name.startswith("/dev/zero") else what
        elif words[0] == "Rss:":
            resident = int(words[1])
        elif words[0] == "Pss:":
            shared = what == "arrays and objects" and int(words[1]) < 0.75 * resident
            parts["pages that processes share" if shared else what] += 1024 * int(words[1])
    return parts


def watch(command: list[str], checkout: Path) -> tuple[int, list[Counter[str]]]:
    """Return the peak in bytes of a command and its processes, and what these had at about then."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    peak, before, parts = 0, 0, [Counter[str]()]
    with subprocess.Popen(
        command, cwd=checkout, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None:
            members = family(process.pid)
            now = sum(map(proportional_bytes, members))
            if min(before, now) > 1.005 * peak:
                peak, parts = min(before, now), list(map(parts_of, members))
            peak = max(peak, min(before, now))
            before = now
            time.sleep(PERIOD)
        assert process.stderr is not None
        said = process.stderr.read().decode()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{said}")
    return peak, parts


def train(preset: str, checkout: Path, words: list[str]) -> tuple[int, list[Counter[str]], str]:
    """Train a preset with the code in a checkout; return peak, parts, and the weights' SHA-256."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bpnet", "train", "--config", preset, "--epochs", "1"]
        peak, parts = watch([*command, *words, "--run-dir", f"{folder}/run"], checkout)
        digest = hashlib.sha256()
        with np.load(f"{folder}/run/last.npz") as archive:
            for name in sorted(archive.files):
                if archive[name].dtype.kind == "f":
                    digest.update(name.encode() + archive[name].tobytes())
    return peak, parts, digest.hexdigest()


def main() -> None:
    """Print one row per preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="*", default=PRESETS, metavar="PRESET")
    parser.add_argument("--data-dir", help="directory of the data sets")
    parser.add_argument("--fashion", help="folder with the four files of Fashion-MNIST")
    parser.add_argument("--beside", type=Path, help="checkout of another version")
    parser.add_argument("--parts", action="store_true", help="print what the memory consists of")
    options = parser.parse_args()
    checkouts = [*([options.beside.resolve()] if options.beside else []), HERE]
    print("| preset | MB before | MB now | same bits |" if options.beside else "| preset | MB |")
    print("|---|" + "---|" * (3 if options.beside else 1))
    for preset in options.presets:
        words = ["--data-dir", options.data_dir] if options.data_dir else []
        if preset == "fashion" and options.fashion:
            words = ["--set", "data.dataset=idx", "--set", f"data.path={options.fashion}"]
        results = [train(preset, checkout, words) for checkout in checkouts]
        cells = [f"{peak / 1e6:.0f}" for peak, _, _ in results]
        if options.beside:
            cells.append("yes" if len({digest for _, _, digest in results}) == 1 else "NO")
        print(f"| `{preset}` | {' | '.join(cells)} |", flush=True)
        if options.parts:
            for number, parts in enumerate(results[-1][1]):
                told = ", ".join(f"{what} {size / 1e6:.1f}" for what, size in parts.most_common())
                print(f"  process {number + 1}: {told}", flush=True)


if __name__ == "__main__":
    main()
