"""Tables whose cells hold rows of numbers keep to a width, and their numbers stay whole."""

from bpnet.teach.trace.number_table import Cell, NumberTable, Row
from bpnet.teach.trace.number_text import words


def test_a_long_formula_is_broken_beside_its_numbers() -> None:
    rows = (Row(("loss", "a formula that is long"), (words("3"),)),)
    table = NumberTable(("layer", "formula"), ("output",), rows)
    assert table.lines(40) == [
        "  layer  formula                 output",
        "  loss   a formula that is long       3",
    ]
    assert table.lines(33) == [
        "  layer  formula           output",
        "  loss   a formula that         3",
        "           is long",
    ]


def test_wide_rows_are_broken_between_numbers() -> None:
    row = Cell((("", ("1", "22", "333", "4")),))
    assert row.within(20) == ["1  22  333  4"]
    assert row.within(11) == ["  1  22", "333   4"]
    matrix = Cell((("a", ("1", "2", "3")), ("b", ("44", "55", "66"))))
    assert matrix.within(11) == [
        *("columns 1–2", "a   1   2", "b  44  55"),
        *("columns 3–3", "a   3", "b  66"),
    ]
