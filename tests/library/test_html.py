"""Tables and charts for notebooks: what is in them is shown, and never obeyed."""

from xml.etree import ElementTree

from bpnet.library.html import chart, table, text

HOSTILE = '<script>"&\x1b[31m'


def test_what_a_browser_would_obey_is_written_out() -> None:
    assert text(HOSTILE) == "&lt;script&gt;&quot;&amp;\\x1b[31m"
    made = table([HOSTILE], [[HOSTILE]], right=[0])
    assert "<script" not in made
    assert "text-align:right" in made
    drawn = chart({HOSTILE: [1.0, 2.0]}, [1, 2], HOSTILE)
    assert "<script" not in drawn


def test_a_chart_is_whole_and_holds_every_point() -> None:
    drawn = ElementTree.fromstring(chart({"a": [0.0, 5.0, 2.5], "b": [1.0] * 3}, [1, 2, 3], "loss"))
    lines = [one.attrib["points"].split() for one in drawn if one.tag == "polyline"]
    heights = [float(point.split(",")[1]) for point in lines[0]]
    assert [len(line) for line in lines] == [3, 3]
    assert heights[1] < heights[2] < heights[0]  # larger values stand higher
    words = [one.text for one in drawn if one.tag == "text"]
    assert {"loss", "epoch", "a", "b", "1", "2", "3"} <= set(words)


def test_a_single_epoch_is_drawn() -> None:
    assert "<circle" in chart({"a": [0.5]}, [1], "accuracy, %")
