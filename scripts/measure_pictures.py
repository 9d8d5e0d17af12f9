"""Let `bpnet predict` read a folder of labelled pictures and count what it gets right.

    python scripts/measure_pictures.py FOLDER [--checkpoint CHECKPOINT] [--show-errors]

The name of each picture begins with its digit: `7__source__003.png`.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

SURE = 0.95
SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"}


def main() -> None:
    """Print the fraction that was read correctly, and where the errors are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", help="default: the shipped weights")
    parser.add_argument("--show-errors", action="store_true", help="name the misread pictures")
    options = parser.parse_args()
    paths = sorted(
        path
        for path in options.folder.iterdir()
        if path.suffix.lower() in SUFFIXES and path.name[0].isdigit()
    )
    command = [sys.executable, "-m", "bpnet", "predict", "--json", *map(str, paths)]
    if options.checkpoint:
        command += ["--checkpoint", options.checkpoint]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.perf_counter() - start
    answers = json.loads(done.stdout)["predictions"]
    wrong = [entry for entry in answers if entry["label"] != Path(entry["image"]).name[0]]
    right = len(answers) - len(wrong)
    sure = [entry for entry in answers if (entry["probability"] or 0) >= SURE]
    refused = sum(entry["label"] is None for entry in answers)
    print(f"{right} of {len(paths)} right: {100 * right / len(paths):.2f} %")
    print(f"no digit or not sure: {refused}")
    print(f"at {SURE:.0%} or more: {len(sure)}, of them wrong {sum(one in wrong for one in sure)}")
    print(f"{1000 * seconds / len(paths):.0f} ms per picture")
    pairs = Counter(f"{Path(entry['image']).name[0]}→{entry['label']}" for entry in wrong)
    print("errors:", ", ".join(f"{pair} {count}" for pair, count in pairs.most_common()))
    if options.show_errors:
        for entry in wrong:
            print(entry["label"], entry["probability"], entry["image"])


if __name__ == "__main__":
    main()
