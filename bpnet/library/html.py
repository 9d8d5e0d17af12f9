"""Write small tables and charts for notebooks, which need nothing but a browser."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape

from bpnet.errors import escaped
from bpnet.report.text_chart import Axis, epoch_ticks

WIDTH, HEIGHT = 480, 240  # pixels of a chart
LEFT, BOTTOM, MARGIN = 56, 40, 12  # pixels around its lines
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # Okabe and Ito: told apart by all eyes


def text(value: object) -> str:
    """Return a text as HTML shows it: what a browser would obey is written out."""
    return escape(escaped(value))


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int] = ()
) -> str:
    """Return an HTML table.

    Args:
        headers: one per column.
        rows: their cells.
        right: numbers of the columns that are aligned to the right.
    """

    def row(cells: Sequence[str], kind: str) -> str:
        sides = ("right" if place in right else "left" for place in range(len(cells)))
        inside = "".join(
            f'<{kind} style="text-align:{side}">{text(cell)}</{kind}>'
            for side, cell in zip(sides, cells, strict=True)
        )
        return f"<tr>{inside}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f"<table><thead>{row(headers, 'th')}</thead><tbody>{body}</tbody></table>"


def chart(curves: Mapping[str, Sequence[float]], epochs: Sequence[int], label: str) -> str:
    """Return curves over epochs as an SVG element.

    Args:
        curves: finite values by the name of the curve, one per epoch; at least one curve.
        epochs: at least one, in ascending order.
        label: of the vertical axis.
    """
    axis = Axis.around([value for values in curves.values() for value in values])
    first, last = epochs[0], epochs[-1]
    right, floor = WIDTH - MARGIN, HEIGHT - BOTTOM

    def x(epoch: float) -> float:
        return LEFT + (epoch - first) / max(last - first, 1) * (right - LEFT)

    def y(value: float) -> float:
        return floor - axis.place(value) * (floor - 2 * MARGIN)

    parts = [f'<text x="0" y="{MARGIN}">{text(label)}</text>']
    for number, word in enumerate(axis.labels()):
        height = y(axis.low + number * axis.step)
        parts.append(
            f'<line x1="{LEFT}" x2="{right}" y1="{height:.1f}" y2="{height:.1f}" '
            'stroke="currentColor" stroke-opacity="0.2"/>'
        )
        place = f'x="{LEFT - 6}" y="{height + 4:.1f}"'
        parts.append(f'<text {place} text-anchor="end">{word}</text>')
    for epoch in epoch_ticks(first, last):
        place = f'x="{x(epoch):.1f}" y="{floor + 16}"'
        parts.append(f'<text {place} text-anchor="middle">{epoch}</text>')
    place = f'x="{right}" y="{HEIGHT - 6}"'
    parts.append(f'<text {place} text-anchor="end">epoch</text>')
    for number, (name, values) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [(x(epoch), y(value)) for epoch, value in zip(epochs, values, strict=True)]
        path = " ".join(f"{across:.1f},{up:.1f}" for across, up in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{across:.1f}" cy="{up:.1f}" r="2.5" fill="{colour}"/>'
            for across, up in points[-1:]
        ]
        place = f'x="{LEFT + 110 * (number + 1)}" y="{MARGIN}"'
        parts.append(f'<text {place} fill="{colour}">{text(name)}</text>')
    about = f'role="img" aria-label="{text(label)} by epoch"'
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    style = 'style="font:12px sans-serif;fill:currentColor"'
    return f"<svg {size} {about} {style}>{''.join(parts)}</svg>"
