"""Draw curves with letters, for a terminal of 80 columns, or fewer."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bpnet.errors import escaped

WIDTH = 80
NARROWEST = 24  # columns in which a curve can still be seen
FEWEST = 8  # columns in which a word can still be read
MOST_TICKS = 8  # approximate count of numbers along the horizontal axis
ROWS = 20
TICKS = 5  # approximate count of numbers along the vertical axis
FLAT = 1e-12  # of a value: smaller differences are rounding
MARKS = "ox+*#@%&ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BETWEEN = "·"  # where a curve passes between two of its points

Cell = tuple[int, int]  # column, and row from below


@dataclass(frozen=True)
class Curve:
    """Hold the points of one curve.

    Args:
        name: what the legend calls it.
        epochs: where the points lie, in ascending order.
        values: how high they lie, finite.
        ending: what the legend says about the last point.
    """

    name: str
    epochs: Sequence[int]
    values: Sequence[float]
    ending: str = ""


@dataclass(frozen=True)
class Axis:
    """Divide a range of values into equal intervals that begin and end at round numbers.

    Args:
        low: smallest value of the axis.
        step: from one number to the next.
        parts: the number of steps.
    """

    low: float
    step: float
    parts: int

    @classmethod
    def around(cls, values: Sequence[float]) -> "Axis":
        """Return the axis that holds all values."""
        low, high = min(values), max(values)
        largest = max(abs(low), abs(high))
        spread = high - low if high - low > FLAT * largest else largest or 1.0
        step = even_step(spread / TICKS)
        first = math.floor(low / step + 1e-9)
        last = max(math.ceil(high / step - 1e-9), first + 1)
        return cls(first * step, step, last - first)

    def place(self, value: float) -> float:
        """Return where a value lies: 0 at the lower end, 1 at the upper."""
        return (value - self.low) / (self.step * self.parts)

    def labels(self) -> list[str]:
        """Return the numbers beside the axis, from below, with as many digits as they need."""
        numbers = [self.low + number * self.step for number in range(self.parts + 1)]
        is_plain = 1e-4 <= max(map(abs, numbers)) < 1e6
        forms = [f".{digits}{'f' if is_plain else 'g'}" for digits in range(18)]
        written = ([format(number, form) for number in numbers] for form in forms)
        return next(texts for texts in written if self._are_true(texts, numbers))

    def _are_true(self, texts: Sequence[str], numbers: Sequence[float]) -> bool:
        """Return whether texts are so close to their numbers that their steps look equal."""
        pairs = zip(texts, numbers, strict=True)
        return all(abs(float(text) - number) < self.step / 100 for text, number in pairs)


def even_step(least: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 and 10, times a power of ten, not below `least`."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(
        factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9)
    )


def draw_chart(curves: Sequence[Curve], title: str, width: int = WIDTH) -> str:
    """Return a chart of all curves over their epochs, with axes and a legend.

    Every curve has its own mark, at each of its points; where several have points in one place,
    their marks take turns.

    Args:
        curves: at least one.
        title: what the vertical axis shows.
        width: columns of the terminal, of which the chart takes at most `WIDTH`; with fewer than
            `NARROWEST`, there are title and legend alone.
    """
    width = min(width, WIDTH)
    if width < NARROWEST:
        width = max(width, FEWEST)
        return "\n".join([*textwrap.wrap(title, width), "", *_legend(curves, width)])
    axis = Axis.around([value for curve in curves for value in curve.values])
    labels = axis.labels()
    margin = max(map(len, labels))
    columns = width - margin - 2
    per_part = max(1, ROWS // axis.parts)
    first = min(curve.epochs[0] for curve in curves)
    last = max(curve.epochs[-1] for curve in curves)

    def column(epoch: float) -> int:
        return round((epoch - first) / max(last - first, 1) * (columns - 1))

    def row(value: float) -> int:
        return round(axis.place(value) * per_part * axis.parts)

    owners: dict[Cell, list[int]] = {}
    passed: set[Cell] = set()
    for number, curve in enumerate(curves):
        cells = [(column(e), row(v)) for e, v in zip(curve.epochs, curve.values, strict=True)]
        for cell in dict.fromkeys(cells):
            owners.setdefault(cell, []).append(number)
        for one, other in pairwise(cells):
            passed.update(_between(one, other))
    marks = dict.fromkeys(passed, BETWEEN) | _marks(owners)
    lines = textwrap.wrap(title, width)
    for height in reversed(range(per_part * axis.parts + 1)):
        label = "" if height % per_part else labels[height // per_part]
        text = "".join(marks.get((place, height), " ") for place in range(columns))
        lines.append(f"{label:>{margin}} {'│' if height % per_part else '┤'}{text}".rstrip())
    most = max(1, min(MOST_TICKS, columns // (len(str(last)) + 2)))
    ticks = {column(epoch): str(epoch) for epoch in epoch_ticks(first, last, most)}
    lines += [" " * margin + " " + line for line in _foot(ticks, columns)]
    return "\n".join([*lines, "", *_legend(curves, width)])


def _between(one: Cell, other: Cell) -> list[Cell]:
    """Return the cells of a straight line between two points, without them."""
    width, height = other[0] - one[0], other[1] - one[1]
    return [(one[0] + place, round(one[1] + height * place / width)) for place in range(1, width)]


def _marks(owners: dict[Cell, list[int]]) -> dict[Cell, str]:
    """Return the mark of every point; curves that share points take turns from left to right."""
    marks, turn = {}, 0
    for cell, numbers in sorted(owners.items()):
        marks[cell] = MARKS[numbers[turn % len(numbers)] % len(MARKS)]
        turn += len(numbers) > 1
    return marks


def epoch_ticks(first: int, last: int, most: int = MOST_TICKS) -> list[int]:
    """Return the first epoch and about `most` round numbers up to the last."""
    step = math.ceil(even_step(max((last - first) / most, 1)))
    even = [epoch for epoch in range(0, last + 1, step) if epoch >= first]
    return even if even and even[0] - first <= step / 2 else [first, *even]


def _foot(ticks: dict[int, str], columns: int) -> list[str]:
    """Return the horizontal axis and the epochs below it."""
    line = "└" + "".join("┬" if place in ticks else "─" for place in range(columns))
    numbers = " " * (columns + 1)
    for place, text in ticks.items():
        start = min(max(place + 1 - len(text) // 2, 0), columns + 1 - len(text))
        numbers = numbers[:start] + text + numbers[start + len(text) :]
    return [line, numbers.rstrip(), f"{'epoch':>{columns + 1}}"]


def _legend(curves: Sequence[Curve], width: int) -> list[str]:
    """Return one line per curve: its mark, its name and how it ends.

    Where one of them would be too long, the endings have lines of their own.
    """
    names = [escaped(curve.name) for curve in curves]
    longest = max(map(len, names))
    lines = [
        f"  {MARKS[number % len(MARKS)]} {name:{longest}}  {curve.ending}".rstrip()
        for number, (name, curve) in enumerate(zip(names, curves, strict=True))
    ]
    if max(map(len, lines)) <= width:
        return lines
    lines = []
    for number, (name, curve) in enumerate(zip(names, curves, strict=True)):
        lines += _wrapped(f"{MARKS[number % len(MARKS)]} {name}", width, "  ")
        lines += _wrapped(curve.ending, width, "    ")
    return lines


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    """Break a text into lines, indented below the mark of its curve."""
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent="    ")
