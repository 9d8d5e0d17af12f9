"""Draw the pictures on the buttons below the canvas."""

from __future__ import annotations

import numpy as np

from bpnet.data.synthetic import draw_digits
from bpnet.model.model import Model
from bpnet.report.canvas.page_network import Example

SEED = 1


def drawn_examples(model: Model) -> list[Example]:
    """Return ten drawn digits, if the network reads digits as MNIST has them."""
    form = model.preparation
    if form is not None and (not form.is_placed_like_mnist or form.has_bright_paper or form.turns):
        return []
    pictures, _ = draw_digits(np.arange(10), SEED)
    return [(str(digit), picture) for digit, picture in enumerate(pictures)]
