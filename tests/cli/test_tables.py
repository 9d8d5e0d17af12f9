"""Tables: plain text in pipes; on terminals fitted, coloured, and safe whatever stands in them."""

import re
from contextlib import redirect_stdout
from io import StringIO

import pytest

from bpnet.cli.output import show_coloured
from bpnet.cli.tables import drawn, show_table
from bpnet.text_table import Table, plain_lines
from tests.helpers.tiny import succeed

HEADERS = ("layer", "many\nnumbers", "what it is")
ROWS = (("1.linear", "12,345", "a layer with weights"), ("2.relu", "7", "an activation"))
TABLE = Table(HEADERS, ROWS, right=(1,))
COLOURS = re.compile("\x1b\\[[0-9;]*m")
HOSTILE = "a\x1b[2J\x1b]0;title\x07\nb\x1b[31m[red]"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let `redirect_stdout` lead to a terminal that shows colours."""
    found = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return found


def test_plain_text_is_aligned() -> None:
    assert plain_lines("above", TABLE) == [
        "above",
        "             many",
        "layer     numbers  what it is",
        "1.linear   12,345  a layer with weights",
        "2.relu          7  an activation",
    ]


def test_columns_may_have_least_widths() -> None:
    table = Table(("a", "b"), [("x", "1")], right=(1,), least=(3, 4))
    assert plain_lines(table) == ["a       b", "x       1"]


def test_what_goes_elsewhere_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(HEADERS, ROWS, right=(1,))
    assert capsys.readouterr().out.splitlines() == plain_lines(TABLE)


def test_a_terminal_shows_headers_in_bold(terminal: Terminal) -> None:
    with redirect_stdout(terminal):
        show_table(HEADERS, ROWS, right=(1,))
    shown = terminal.getvalue()
    assert "\x1b[1m" in shown
    lines = [line.rstrip() for line in COLOURS.sub("", shown).splitlines()]
    assert [line.split() for line in lines] == [line.split() for line in plain_lines(TABLE)]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_without_colours(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with redirect_stdout(terminal):
        show_table(HEADERS, ROWS, right=(1,))
    assert "\x1b" not in terminal.getvalue()
    assert "12,345" in terminal.getvalue()


@pytest.mark.parametrize("width", [20, 32, 40, 80, 120])
def test_a_table_fits_and_no_number_breaks(width: int) -> None:
    for bold in (True, False):
        lines = [COLOURS.sub("", line) for line in drawn(TABLE, width, bold=bold)]
        assert max(map(len, lines)) <= width
        assert any("12,345" in line for line in lines)
        words = " ".join(lines).split()
        for cell in (*ROWS[0], *ROWS[1]):
            assert set(cell.split()) <= set(words)


def test_columns_that_can_be_spared_are_left_out_where_there_is_no_room() -> None:
    table = Table(
        ("name", "score", "size"), [("a-long-name", "12.5", "1234567")], (1, 2), spare=(2,)
    )
    assert drawn(table, 26, bold=False) == [
        "name        score    size",
        "a-long-name  12.5 1234567",
    ]
    assert drawn(table, 20, bold=False) == [
        "name         score",
        "a-long-name   12.5",
        "",
        "no room for: size",
    ]
    paragraph = drawn(table, 16, bold=False)
    assert paragraph == ["a-long-name", "  score: 12.5", "  size: 1234567"]
    assert "size" in plain_lines(table)[0]


def test_wide_characters_take_two_columns() -> None:
    table = Table(("class", "count"), [("表示", "1"), ("e\u0301te\u0301", "22")], right=(1,))
    wanted = ["class  count", "表示       1", "e\u0301te\u0301       22"]
    assert plain_lines(table) == wanted
    assert drawn(table, 40, bold=False) == wanted
    narrow = drawn(Table(("", "x"), [("表示 数字", "1")]), 8, bold=False)
    assert narrow == ["       x", "表示   1", "数字"]


def test_where_columns_do_not_fit_rows_are_paragraphs() -> None:
    assert drawn(TABLE, 20, bold=False)[:4] == [
        "1.linear",
        "  many numbers:",
        "    12,345",
        "  what it is: a",
    ]


def test_strangers_reach_no_terminal(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in ("120", "20"):
        monkeypatch.setenv("COLUMNS", columns)
        with redirect_stdout(terminal):
            show_table(("name", HOSTILE), [(HOSTILE, "1")])
    shown = terminal.getvalue()
    assert set(COLOURS.findall(shown)) <= {"\x1b[0m", "\x1b[1m"}  # bold headers, nothing in red
    assert "\x1b" not in COLOURS.sub("", shown)
    assert "\x07" not in shown
    whole = "".join(COLOURS.sub("", shown).split())
    assert "\\x1b[31m[red]" in whole


def test_a_table_that_forgot_to_escape_could_show_colours_alone(terminal: Terminal) -> None:
    with redirect_stdout(terminal):
        show_coloured(f"{HOSTILE} \x1b[1mbold\x1b[0m \x1b[5;5H \r\u202e")
    shown = terminal.getvalue()
    assert shown.count("\n") == 1
    assert set(re.findall("\x1b[^m]*m", shown)) == {"\x1b[31m", "\x1b[1m", "\x1b[0m"}
    assert "\\x1b[2J" in shown
    assert "\\x1b[5;5H \\r\\u202e" in shown


def test_commands_show_tables_on_narrow_terminals(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    from bpnet.cli.main import run

    for words in (
        ["summary", "lenet5"],
        ["presets"],
        ["config", "--explain", "schedule"],
        ["config", "--explain", "conv"],
        ["config", "--explain", "optimizer.name"],
    ):
        terminal.seek(0)
        terminal.truncate()
        with redirect_stdout(terminal):
            assert run(words, debug=False) == 0
        lines = terminal.getvalue().split("\nnext:")[0].splitlines()
        assert max(map(len, lines)) <= 40, words


def test_piped_tables_have_no_colours() -> None:
    for words in (["summary", "lenet5"], ["presets"], ["gradcheck", "chain"]):
        assert "\x1b" not in succeed(*words).out
