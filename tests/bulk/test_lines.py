"""An answer is one line, whatever its text holds; an unreadable picture has a line as well."""

import csv
import io
import json
from typing import Any

import pytest

from bpnet.bulk.lines import CSV, JSONL, Lines
from bpnet.errors import DataError
from bpnet.library.picture_reader import Wishes

NASTY = 'a "b",\r\n\x7f é \udc80 "reason": "unreadable"'


def entry(name: str) -> dict[str, Any]:
    top = [{"label": "7", "probability": 0.5}]
    answer: dict[str, Any] = {"image": name, "label": "7", "probability": 0.5, "reason": None}
    return answer | {"top": top, "warnings": ["one", "two"]}


@pytest.mark.parametrize("form", [JSONL, CSV])
@pytest.mark.parametrize("segment", [False, True])
def test_each_answer_is_a_line_of_its_own(form: str, segment: bool) -> None:
    lines = Lines(form, Wishes(segment, None, top=1, rows=False))
    answered = entry(NASTY)
    if segment:
        answered = {"image": NASTY, "text": "1\n2", "reason": None, "digits": [], "warnings": []}
    error = DataError(NASTY, where=NASTY, found="unreadable")
    for line, is_none in ((lines.line(answered), False), (lines.unreadable(error), True)):
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert b"\r" not in line
        assert lines.tells_unreadable(line) is is_none
        line.decode("utf-8")


def test_an_unreadable_picture_has_the_columns_of_the_others() -> None:
    wishes = Wishes(False, None, top=1, rows=False)
    error = DataError("a picture is damaged", where="x.png", found="3 bytes")
    lines = Lines(JSONL, wishes)
    answered = json.loads(lines.line(entry("y")))
    unread = json.loads(lines.unreadable(error))
    assert [*answered, "error"] == list(unread)
    assert unread["reason"] == "unreadable"
    assert unread["error"] == "a picture is damaged (3 bytes)"
    table = Lines(CSV, wishes)
    text = (table.head + table.line(entry("y")) + table.unreadable(error)).decode()
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["label_1"], first["warnings"], first["error"]) == ("7", "one; two", "")
    assert (second["label"], second["reason"]) == ("", "unreadable")
    assert second["error"] == unread["error"]
