"""Describe how pictures are prepared where the network learned from others than MNIST's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpnet.errors import DataError

if TYPE_CHECKING:
    from bpnet.model.model import Model

UNKNOWN_FORM = (
    "this checkpoint does not tell what its training pictures look like: "
    "every picture is prepared as a digit of MNIST; networks trained from now on will tell"
)


def check_reads_pictures(model: Model) -> None:
    """Make sure that the network answers pictures with classes, and that their form is known.

    Raises:
        DataError: it does not, or its pictures are too large.
    """
    from bpnet.data.reading.picture import LONGEST_SIDE  # larger pictures are reduced

    shape = model.network.input_shape
    if model.reads_pictures and max(shape) <= LONGEST_SIDE:
        return
    if model.reads_pictures:
        what = "this network reads larger pictures than `predict` does"
        expected = f"at most {LONGEST_SIDE} pixels along each side"
    elif model.class_names and len(shape) == 3:
        what = "this checkpoint does not tell what its training pictures look like"
        expected = "one that was trained by this version of bpnet, or inputs of shape (1, 28, 28)"
    else:
        what = "this network does not read pictures"
        expected = "one that was trained on grey pictures in classes"
    hint = "give a --checkpoint that was trained on pictures, or none"
    raise DataError(what, expected=expected, found=f"inputs of shape {shape}", hint=hint)


def form_in_words(model: Model) -> str | None:
    """Return what the training pictures look like; None if that is not known, or as in MNIST."""
    form = model.preparation
    if form is None:
        return None
    height, width = form.frame
    words = [f"{width}×{height} pixels"]
    if form.paper is None:
        words.append("no plain background")
    else:
        light_on_dark = form.ink > form.paper
        words.append("light on dark" if light_on_dark else "dark on light")
        low, high = sorted((form.paper, form.ink))
        if high - low < 128:
            words.append(f"greys {low:g} to {high:g}")
        if form.is_placed_like_mnist and light_on_dark and high - low >= 128 and not form.turns:
            return None
    return ", ".join([*words, *form.turns])
