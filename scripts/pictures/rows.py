"""Compose pictures of several digits from pictures of one digit each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bpnet.data.placement import crop_to_ink
from bpnet.data.reading.picture import open_picture
from bpnet.data.reading.resample import resample
from bpnet.model.digit_reader import DigitReader
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.model import Model
from bpnet.model.preparation import made_from

Ink = NDArray[np.float32]  # (height, width), 0–1
Rng = np.random.Generator

HEIGHT = 70  # pixels of a usual digit
KINDS: dict[str, Callable[["Pens", Rng], tuple[Ink, str]]] = {}


@dataclass(frozen=True)
class Pens:
    """Hold the ink of single digits.

    Args:
        inks: one for each picture.
        labels: their digits.
        hands: who wrote each of them.
    """

    inks: list[Ink]
    labels: list[str]
    hands: list[str]

    def draw(self, rng: Rng, count: int, *, one_hand: bool = True) -> list[tuple[Ink, str]]:
        """Choose digits, of one hand if possible."""
        places = np.arange(len(self.inks))
        if one_hand:
            hand = self.hands[int(rng.integers(len(self.hands)))]
            places = np.array([place for place in places if self.hands[place] == hand])
        chosen = rng.choice(places, count)
        return [(self.inks[place], self.labels[place]) for place in chosen]


def load_pens(folder: Path, model: Model) -> Pens:
    """Read the ink of all pictures `LABEL__hand__number.ext` of a folder in which there is some.

    Of the ways to look at a picture, that counts in which the network finds a digit, whichever; if
    it finds none, the first. In the others, ink may be squared paper or a shadow, which nobody
    would call a digit.
    """
    pens = Pens([], [], [])
    answers, form = Answers(Ensemble([model]), most=1), model.preparation
    assert form is not None
    assert model.knows_others
    reader = DigitReader(
        lambda pixels: answers.probabilities(pixels).copy(),
        lambda digit: made_from(digit, form),
        len(model.class_names) - 1,
    )
    for path in sorted(folder.glob("[0-9]__*")):
        digit = reader.read_one(open_picture(path)).digit
        if digit.ink.any():
            pens.inks.append(crop_to_ink(np.where(digit.ink > 0.25, digit.ink, 0)))
            pens.labels.append(path.name[0])
            pens.hands.append(path.name.split("__")[1])
    return pens


def kind(
    function: Callable[[Pens, Rng], tuple[Ink, str]],
) -> Callable[[Pens, Rng], tuple[Ink, str]]:
    """List a way to compose a picture under its name."""
    KINDS[function.__name__.replace("_", " ")] = function
    return function


def sized(ink: Ink, height: float) -> Ink:
    """Resample ink to a height; a digit more than twice as wide as high becomes lower."""
    scale = height / max(ink.shape[0], 0.6 * ink.shape[1])
    rows, columns = (max(3, round(side * scale)) for side in ink.shape)
    return np.clip(resample(ink, rows, columns), 0, 1)


def line_of(digits: list[tuple[Ink, str]], rng: Rng, gaps: list[int], wave: float = 4) -> Ink:
    """Put digits side by side on a line, with so many empty columns after each."""
    height = max(ink.shape[0] for ink, _ in digits) + 2 * int(3 * wave) + 2
    columns = []
    for (ink, _), gap in zip(digits, [*gaps, 0], strict=True):
        column = np.zeros((height, ink.shape[1] + gap), dtype=np.float32)
        top = int(
            np.clip((height - ink.shape[0]) / 2 + wave * rng.normal(), 0, height - ink.shape[0])
        )
        column[top : top + ink.shape[0], : ink.shape[1]] = ink
        columns.append(column)
    return np.concatenate(columns, axis=1)


def on_paper(ink: Ink, rng: Rng, lines: Ink | None = None, grey: bool = True) -> Ink:
    """Lay ink, and lines, on white or grey paper with light from one side and grain."""
    margin = 24
    ink = np.pad(ink, margin)
    height, width = ink.shape
    down, across = np.mgrid[0:height, 0:width]
    white = rng.uniform(0.55, 1) if grey else 1.0
    paper = np.full(ink.shape, white)
    if grey:
        slope = rng.normal(0, 0.06, 2)
        paper += slope[0] * (down / height - 0.5) + slope[1] * (across / width - 0.5)
        paper += rng.normal(0, 0.012, ink.shape)
    if lines is not None:
        paper *= 1 - lines * rng.uniform(0.15, 0.45)
    paper *= 1 - ink * rng.uniform(0.6, 0.9)
    lit: Ink = np.clip(paper, 0, 1).astype(np.float32)
    return lit


def simple(
    pens: Pens, rng: Rng, *, one_hand: bool = True, gaps: tuple[int, int] = (10, 30)
) -> tuple[Ink, str]:
    """Write a row of two to six digits."""
    count = int(rng.integers(2, 7))
    digits = [
        (sized(ink, HEIGHT * rng.uniform(0.85, 1.1)), label)
        for ink, label in pens.draw(rng, count, one_hand=one_hand)
    ]
    apart = [int(gap) for gap in rng.integers(gaps[0], gaps[1] + 1, count - 1)]
    return line_of(digits, rng, apart), "".join(label for _, label in digits)


@kind
def plain_and_grey_paper(pens: Pens, rng: Rng) -> tuple[Ink, str]:
    """Write a row on paper without lines."""
    ink, text = simple(pens, rng)
    return on_paper(ink, rng, grey=bool(rng.random() < 0.6)), text


@kind
def ruled_and_squared_paper(pens: Pens, rng: Rng) -> tuple[Ink, str]:
    """Write a row on ruled, squared or margined paper, held a little askew."""
    ink, text = simple(pens, rng)
    height, width = np.pad(ink, 24).shape
    down, across = np.mgrid[0:height, 0:width].astype(float)
    angle = rng.normal(0, 0.02)
    turned, along = down + angle * across, across - angle * down
    pitch, thick = rng.uniform(18, 60), rng.uniform(0.7, 1.4)
    phase = rng.uniform(0, pitch, 2)
    far = np.abs((turned + phase[0]) % pitch - pitch / 2)
    lines = np.clip(thick - far + 0.5, 0, 1)
    if rng.random() < 0.5:
        far = np.abs((along + phase[1]) % pitch - pitch / 2)
        lines = np.maximum(lines, np.clip(thick - far + 0.5, 0, 1))
    elif rng.random() < 0.3:
        lines = np.maximum(lines, np.clip(thick - np.abs(along - rng.uniform(4, 20)) + 0.5, 0, 1))
    return on_paper(ink, rng, lines.astype(np.float32)), text


@kind
def mixed_pens_and_sizes(pens: Pens, rng: Rng) -> tuple[Ink, str]:
    """Write a row with a different pen, strength and size for each digit."""
    count = int(rng.integers(2, 7))
    digits = [
        (sized(ink, HEIGHT * rng.uniform(0.55, 1.15)) * np.float32(rng.uniform(0.5, 1)), label)
        for ink, label in pens.draw(rng, count, one_hand=False)
    ]
    apart = [int(gap) for gap in rng.integers(8, 31, count - 1)]
    ink = line_of(digits, rng, apart, wave=5)
    return on_paper(ink, rng, grey=bool(rng.random() < 0.5)), "".join(label for _, label in digits)


@kind
def boxed(pens: Pens, rng: Rng) -> tuple[Ink, str]:
    """Write each digit into a box, as on forms: apart, or side by side with shared walls."""
    count = int(rng.integers(2, 7))
    digits = [
        (sized(ink, HEIGHT * rng.uniform(0.7, 0.95)), label) for ink, label in pens.draw(rng, count)
    ]
    side_y = HEIGHT + int(rng.integers(8, 30))
    side_x = max(
        max(ink.shape[1] for ink, _ in digits) + int(rng.integers(8, 20)), int(0.7 * side_y)
    )
    thick, between = int(rng.integers(1, 4)), int(rng.integers(0, 2)) * int(rng.integers(6, 20))
    strength = rng.uniform(0.4, 1)
    boxes = []
    for ink, _ in digits:
        box = np.zeros((side_y + 2 * thick, side_x + 2 * thick), dtype=np.float32)
        box[:thick], box[-thick:], box[:, :thick], box[:, -thick:] = (strength,) * 4
        free = side_y - ink.shape[0], side_x - ink.shape[1]
        top, left = (
            thick + int(np.clip(space * rng.normal(0.5, 0.15), 1, space - 1)) for space in free
        )
        box[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
        boxes.append(np.pad(box, ((0, 0), (0, between))))
        if not between and len(boxes) > 1:
            boxes[-1] = boxes[-1][:, thick:]
    row = np.concatenate(boxes, axis=1)
    return on_paper(row, rng, grey=bool(rng.random() < 0.5)), "".join(label for _, label in digits)


@kind
def gaps_of_2_to_6_pixels(pens: Pens, rng: Rng) -> tuple[Ink, str]:
    """Write a row of digits that almost touch."""
    ink, text = simple(pens, rng, gaps=(2, 6))
    return on_paper(ink, rng, grey=bool(rng.random() < 0.5)), text


@kind
def touching_pairs(pens: Pens, rng: Rng) -> tuple[Ink, str]:
    """Write two digits that touch, moved together until their ink does."""
    (one, first), (other, second) = (
        (sized(ink, HEIGHT * rng.uniform(0.85, 1.1)), label) for ink, label in pens.draw(rng, 2)
    )
    height = max(one.shape[0], other.shape[0])
    one, other = (
        np.pad(
            ink,
            (
                (
                    (height - ink.shape[0]) // 2,
                    height - ink.shape[0] - (height - ink.shape[0]) // 2,
                ),
                (0, 0),
            ),
        )
        for ink in (one, other)
    )
    width = one.shape[1] + other.shape[1]
    for overlap in range(min(one.shape[1], other.shape[1])):
        row = np.zeros((height, width - overlap), dtype=np.float32)
        row[:, : one.shape[1]] = one
        shifted = np.zeros_like(row)
        shifted[:, row.shape[1] - other.shape[1] :] = other
        if int(((row > 0.4) & (shifted > 0.4)).sum()) >= int(rng.integers(2, 8)):
            break
    return on_paper(np.maximum(row, shifted), rng, grey=bool(rng.random() < 0.5)), first + second


@kind
def two_rows(pens: Pens, rng: Rng) -> tuple[Ink, str]:
    """Write two rows below each other."""
    (one, first), (other, second) = simple(pens, rng), simple(pens, rng)
    width = max(one.shape[1], other.shape[1])
    rows = []
    for ink in (one, other):
        left = int(rng.integers(0, width - ink.shape[1] + 1)) if rng.random() < 0.5 else 0
        rows.append(np.pad(ink, ((0, 0), (left, width - ink.shape[1] - left))))
    rows.insert(1, np.zeros((int(rng.integers(4, 40)), width), dtype=np.float32))
    ink = np.concatenate(rows)
    return on_paper(ink, rng, grey=bool(rng.random() < 0.5)), f"{first}\n{second}"


@kind
def one_digit(pens: Pens, rng: Rng) -> tuple[Ink, str]:
    """Write one digit alone: a row is read right at best as often as all of its digits are."""
    ((ink, label),) = pens.draw(rng, 1)
    ink = sized(ink, HEIGHT * rng.uniform(0.85, 1.1))
    return on_paper(ink, rng, grey=bool(rng.random() < 0.6)), label
