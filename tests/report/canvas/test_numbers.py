"""Arrays in a page: what comes out of them is what went in, to the bits that were kept."""

import numpy as np
import pytest
from selenium.webdriver import Chrome

from bpnet.report.canvas.draw_page import HERE
from bpnet.report.canvas.numbers import CHOICES, FLOATS, fitting_bits, written

SCRIPT = (HERE / "weights.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("bits", CHOICES)
def test_the_page_reads_what_was_written(browser: Chrome, bits: int) -> None:
    values = np.random.default_rng(bits).normal(size=(7, 3, 5)).astype(np.float32)
    values[2] = 0
    values[3, 0, 0] = -9
    browser.get("about:blank")
    read = browser.execute_script(
        f"{SCRIPT}; return [...numbersOf(arguments[0])]", written(values, bits)
    )
    step = np.abs(values).max(axis=(1, 2), keepdims=True) / (2 ** (bits - 1) - 1)
    most = 0 if bits == FLOATS else 0.5001 * step
    assert (np.abs(np.reshape(read, values.shape) - values) <= most + 1e-7).all()


def test_vectors_stay_floats() -> None:
    assert written(np.ones(3), 8)["bits"] == FLOATS


def test_as_many_bits_are_kept_as_fit() -> None:
    assert fitting_bits(1000, 6000) == 32
    assert fitting_bits(1000, 5000) == 16
    assert fitting_bits(1000, 1667) == 10
    assert fitting_bits(1000, 1666) is None
