"""Let `bpnet predict` read composed rows of digits, and pictures in which there is none.

    python scripts/measure_reading.py FOLDER [--count 200] [--photographs FOLDER]
                                      [--checkpoint CHECKPOINT] [--seed 1] [--keep FOLDER]

The pictures of the first folder are named `LABEL__hand__number.ext`; rows are composed from their
ink, in seven kinds (scripts/pictures/rows.py). Pictures without a digit are drawn in nineteen kinds
(scripts/pictures/digit_free.py); photographs make one more.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pictures import digit_free, rows
from PIL import Image

from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import WEIGHTS

CONFIDENT = 0.9
EACH = 13  # pictures without a digit of each kind

Cases = list[tuple[str, str, str]]  # kind, file name, and the text in it


def compose_rows(pens: rows.Pens, folder: Path, count: int, seed: int) -> Cases:
    """Write `count` pictures of each kind of row; return what is in them."""
    cases = []
    for place, (kind, compose) in enumerate(rows.KINDS.items()):
        for number in range(count):
            picture, text = compose(pens, np.random.default_rng([seed, place, number]))
            name = f"{kind.replace(' ', '_')}-{number:03d}.png"
            Image.fromarray(np.uint8(np.rint(picture * 255))).save(folder / name)
            cases.append((kind, name, text))
    return cases


def draw_digit_free(folder: Path, seed: int, photographs: Path | None) -> Cases:
    """Write pictures without a digit of every kind."""
    cases = []
    for place, (kind, draw) in enumerate(digit_free.KINDS.items()):
        for number in range(EACH):
            name = f"none-{kind.replace(' ', '_')}-{number:02d}.png"
            draw(np.random.default_rng([seed, 100 + place, number])).save(folder / name)
            cases.append((kind, name, ""))
    if photographs is not None:
        rng = np.random.default_rng([seed, 99])
        for number, picture in enumerate(digit_free.photographs(photographs, rng, 4 * EACH)):
            name = f"none-photograph-{number:02d}.png"
            picture.save(folder / name)
            cases.append(("photograph", name, ""))
    return cases


def answers(folder: Path, cases: Cases, *more: str) -> Iterator[tuple[tuple[str, str, str], Any]]:
    """Yield each case with what `predict` answers."""
    paths = [str(folder / name) for _, name, _ in cases]
    command = [sys.executable, "-m", "bpnet", "predict", "--jsonl", *more, *paths]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    yield from zip(cases, map(json.loads, done.stdout.splitlines()), strict=True)


def score_rows(folder: Path, cases: Cases, *more: str) -> None:
    """Print for each kind how many rows are read right, and whether the others are doubted."""
    print("| rows | right | of the others, doubted | of the right ones, doubted |")
    print("|---|---|---|---|")
    for kind in rows.KINDS:
        chosen = [case for case in cases if case[0] == kind]
        found = [
            (entry["text"] == text, bool(entry["warnings"]) or entry["reason"] is not None)
            for (_, _, text), entry in answers(folder, chosen, "--segment", *more)
        ]
        right = [doubted for is_right, doubted in found if is_right]
        wrong = [doubted for is_right, doubted in found if not is_right]
        print(
            f"| {kind} | {len(right)} of {len(found)} = {100 * len(right) / len(found):.1f} % "
            f"| {sum(wrong)} of {len(wrong)} | {sum(right)} of {len(right)} |"
        )


def score_digit_free(folder: Path, cases: Cases, *more: str) -> None:
    """Print for each kind how many pictures get no digit, and how many a confident one."""
    print("| without a digit | no digit, or not sure | a digit with ≥ 90 % |")
    print("|---|---|---|")
    found = [
        (kind, entry["label"] is None, (entry["probability"] or 0) >= CONFIDENT)
        for (kind, _, _), entry in answers(folder, cases, *more)
    ]
    for wanted in dict.fromkeys(kind for kind, *_ in found):
        none, confident = zip(*[rest for kind, *rest in found if kind == wanted], strict=True)
        print(f"| {wanted} | {sum(none)} of {len(none)} | {sum(confident)} |")
    none, confident = (sum(column) for column in list(zip(*found, strict=True))[1:])
    print(f"| all | {none} of {len(found)} = {100 * none / len(found):.1f} % | {confident} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=200, help="rows of each kind")
    parser.add_argument("--photographs", type=Path, help="a folder of photographs")
    parser.add_argument("--checkpoint", help="default: the shipped weights")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for the pictures")
    options = parser.parse_args()
    more = ["--checkpoint", options.checkpoint] if options.checkpoint else []
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        cases = draw_digit_free(folder, options.seed, options.photographs)
        score_digit_free(folder, cases, *more)
        print()
        shipped = load_checkpoint(WEIGHTS, weights_only=True).model()  # the same rows for all
        pens = rows.load_pens(options.folder, shipped)
        score_rows(folder, compose_rows(pens, folder, options.count, options.seed), *more)


if __name__ == "__main__":
    main()
