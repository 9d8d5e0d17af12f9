"""Check the pictures without a digit, and how they join a data set."""

from pathlib import Path

import numpy as np

from bpnet.config.values import NO_DIGIT
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.others import are_drawn, draw_others, with_others

SEED = 3


def digits(count: int) -> Dataset:
    """Return a data set of blank pictures."""
    samples = Samples(np.zeros((count, 28, 28), np.uint8), np.arange(count) % 10)
    return Dataset("mnist", samples, samples, tuple("0123456789"))


def test_they_are_the_same_whatever_the_number_of_workers() -> None:
    one, two = (draw_others(300, SEED, 1.0, workers=workers) for workers in (1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, draw_others(300, SEED + 1, 1.0))


def test_they_are_inked_and_placed_like_digits() -> None:
    pictures = draw_others(400, SEED, 1.0)
    assert (pictures.max(axis=(1, 2)) > 200).all()
    sides = [(pictures > 0).any(axis=axis).sum(axis=1) for axis in (1, 2)]
    longer = np.maximum(*sides)  # fills the box of 20 pixels, but for the palest ends
    assert longer.max() == 20
    assert np.mean(longer >= 18) > 0.95
    places = (np.arange(28) + 0.5) * pictures.sum(axis=2) / pictures.sum(axis=(1, 2))[:, None]
    assert np.mean(np.abs(places.sum(axis=1) - 14.5) <= 0.5) > 0.9  # the centre lies in pixel 14
    assert len(np.unique(pictures.reshape(400, -1), axis=0)) > 380


def test_they_are_a_class_of_their_own_in_training_alone(tmp_path: Path) -> None:
    both = with_others(digits(20), tmp_path, 30, SEED, 1.0)
    assert both.class_names[-1] == NO_DIGIT
    assert (both.train.targets[20:] == 10).all()
    assert len(both.train) == 50
    assert len(both.test) == 20
    assert are_drawn(tmp_path, 30, SEED, 1.0)
    again = with_others(digits(20), tmp_path, 30, SEED, 1.0)
    assert np.array_equal(again.train.inputs, both.train.inputs)
