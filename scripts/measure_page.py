"""Measure the canvas of `bpnet draw` in headless Chromium: its answers, and how soon they come.

    python scripts/measure_page.py [PICTURES] [--checkpoint CHECKPOINT] [--seeds 1-5]

PICTURES is a folder of pictures, each named LABEL__anything: the network's view of each goes
through the page and through NumPy, and the largest difference of a probability is printed. Then 50
digits for each seed are drawn by mouse, in usual styles, and read. The time of an answer is what
the page itself takes from a new point of a stroke to its last change: preparation, network, and
all that is drawn. The time of opening goes from the request to the end of the page's own scripts.

It needs chromium and chromium-driver from Debian's packages, and `pip install selenium`.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from provenance import ROOT

sys.path.insert(0, str(ROOT))

from bpnet.data.reading.image import read_digit
from bpnet.errors import DataError
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import WEIGHTS, checkpoint_path
from tests.helpers.browser import open_browser, settle, show
from tests.helpers.pen import draw, strokes_of

EACH = 50  # digits drawn for a seed
OPENED = "const [page] = performance.getEntriesByType('navigation'); return page.loadEventEnd;"
ANSWERED = """
return [document.getElementById("answer").textContent,
        Number(document.getElementById("time").dataset.milliseconds)];
"""
PROBABILITIES = "return [...probabilities(network, forward(network, arguments[0]).at(-1))]"


def main() -> None:
    """Measure what was asked for, and print it."""
    options = read_options()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "draw.html"
        words = [sys.executable, "-m", "bpnet", "draw", "--no-open", "-o", str(page)]
        words += ["--checkpoint", str(options.checkpoint.absolute())]
        subprocess.run(words, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        browser = open_browser(Path(folder) / "profile")
        try:
            openings = []
            for _ in range(5):
                show(browser, page)
                openings.append(browser.execute_script(OPENED))
            opened = statistics.median(openings)
            print(f"page: {page.stat().st_size:,} bytes, opened in {opened:.0f} ms")
            if options.pictures is not None:
                compare(browser, options.pictures, options.checkpoint)
            first, _, last = options.seeds.partition("-")
            for seed in range(int(first), int(last or first) + 1):
                print(f"seed {seed}: {read_drawn(browser, seed)}")
        finally:
            browser.quit()


def compare(browser: Any, pictures: Path, checkpoint: Path) -> None:
    """Print how far the page's probabilities are from NumPy's."""
    model = load_checkpoint(checkpoint_path(checkpoint), weights_only=True).model()
    differences = []
    for path in sorted(pictures.glob("[0-9]__*")):
        try:
            pixels = read_digit(path).pixels
        except DataError:
            continue
        if pixels is None:
            continue
        found = browser.execute_script(PROBABILITIES, pixels.ravel().tolist())
        expected = model.probabilities(pixels[None])[0]
        differences.append(float(np.abs(np.array(found) - expected).max()))
    if not differences:
        raise SystemExit(f"no pictures named LABEL__anything were read in {pictures}")
    print(f"{len(differences):,} pictures: probabilities differ by {max(differences):.1e} at most")


def read_drawn(browser: Any, seed: int) -> str:
    """Draw digits by mouse; return how many were read, and how long the answers took."""
    rng, right, times = np.random.default_rng(seed), 0, []
    for digit in np.arange(EACH) % 10:
        scale = rng.uniform(0.4, 0.75)
        left, top = rng.uniform(0.08, 0.9 - scale, 2)
        draw(browser, strokes_of(int(digit), rng), scale, left, top)
        settle(browser)
        answer, milliseconds = browser.execute_script(ANSWERED)
        right += answer.startswith(f"{digit}, ")
        times.append(milliseconds)
        browser.execute_script("pad.clear()")
    slowest = sorted(times)[int(0.9 * len(times))]
    median = statistics.median(times)
    return (
        f"{right} of {EACH} read; an answer takes {median:.1f} ms (90 %: {slowest:.1f} ms or less)"
    )


def read_options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("pictures", nargs="?", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=WEIGHTS)
    parser.add_argument("--seeds", default="1-5")
    return parser.parse_args()


if __name__ == "__main__":
    main()
