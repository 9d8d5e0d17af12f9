"""Draw the figures of pages in the first README: pages as headless Chromium shows them.

    python scripts/draw_pages.py

It needs chromium and chromium-driver from Debian's packages, and `pip install selenium`.
"""

import base64
import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from provenance import ROOT

sys.path.insert(0, str(ROOT))

from tests.helpers.browser import open_browser, show
from tests.helpers.pen import draw, strokes_of

FIGURES = ROOT / "bpnet" / "assets" / "figures"
SEED = 2  # of the digit that is drawn
COLOURS = 96  # of a figure
HEIGHT = 700
CHOOSE = """
const click = (found) => found.dispatchEvent(new MouseEvent("click", {bubbles: true}));
for (const button of document.querySelectorAll("button")) {
  if (button.textContent.trim() === "after backward") click(button);
}
click(document.querySelector('[data-key="row 3.weight[2,1]"]'));
"""


def main() -> None:
    """Draw both figures."""
    with tempfile.TemporaryDirectory() as folder:
        canvas, step = Path(folder) / "draw.html", Path(folder) / "sigmoid.html"
        make("draw", "--no-open", "-o", canvas)
        make("trace", "sigmoid", "--html", step)
        browser = open_browser(Path(folder) / "profile")
        try:
            browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
            show(browser, canvas, 900, HEIGHT)
            draw(browser, strokes_of(4, np.random.default_rng(SEED)), 0.62, 0.2, 0.16)
            browser.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
            save(browser, "canvas.png", 900)
            show(browser, step, 1200, HEIGHT)
            browser.execute_script(CHOOSE)
            browser.execute_script("window.scrollTo(0, 0)")
            save(browser, "step.png", 1200)
        finally:
            browser.quit()


def make(*words: object) -> None:
    """Run bpnet."""
    command = [sys.executable, "-m", "bpnet", *map(str, words)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def save(browser: Any, name: str, width: int) -> None:
    """Save the upper part of the page in the browser."""
    clip = {"x": 0, "y": 0, "width": width, "height": HEIGHT, "scale": 1}
    found = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip})
    image = Image.open(io.BytesIO(base64.b64decode(found["data"]))).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(FIGURES / name, optimize=True)


if __name__ == "__main__":
    main()
