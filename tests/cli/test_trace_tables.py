"""Tables of `bpnet trace` keep to the width of a page, and keep their headings."""

from pathlib import Path

import pytest

from bpnet.config.presets import example_paths
from bpnet.text_table import width_of
from tests.helpers.tiny import config_file, succeed
from tests.teach.trace.test_trace import CHAIN, PICTURES, SIGMOID, TABLE

WIDE = "model.layers=linear 30, sigmoid, linear 2"


DEEP = "model.layers=linear 3, batchnorm, tanh, dropout 0.5, linear 2, softmax"


@pytest.mark.parametrize("width", [40, 80, 97, 200])
@pytest.mark.parametrize(
    ("text", "setting"),
    [
        (CHAIN, "optimizer.momentum=0.9"),
        (SIGMOID, "optimizer.name=adam"),
        (TABLE, WIDE),
        (TABLE, DEEP),
        (TABLE, "train.loss=binary_cross_entropy"),
        (PICTURES, "train.grad_clip=1"),
        (PICTURES, "model.layers=conv 12 kernel=2, batchnorm, relu, avgpool 2, flatten, linear 2"),
    ],
)
def test_no_line_is_wider_than_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, setting: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    words = ("--set", setting, "--set", "optimizer.weight_decay=0.1")
    lines = succeed("trace", config_file(tmp_path, text), *words).out.splitlines()
    assert max(map(width_of, lines)) <= max(width, 80)


HEADINGS = {
    "forward": (("layer", "shape", "formula"), ("output",)),
    "backward": (("layer", "formula"), ("local derivative", "δ = ∂C/∂output", "product")),
    "parameters": (("name", "shape", "formula"), ("before", "gradient g", "after")),
}


def sections(text: str) -> dict[str, list[str]]:
    """Return the lines below the first line of each section, by the first word of that line."""
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return {lines[0].partition(":")[0]: lines[1:] for lines in blocks}


def lacks_headings(lines: list[str], titles: tuple[str, ...], cells: tuple[str, ...]) -> list[str]:
    """Return the headings that a table's first line, or those of its numbers, do not show."""
    start = next((at for at, line in enumerate(lines) if line.startswith(f"  {titles[0]}")), 0)
    shown = lines[start:] if len(cells) > 1 else lines[start : start + 2]
    below = " ".join(" ".join(shown).split())
    lacking = [] if below.startswith(" ".join(titles)) else [*titles]
    return lacking + [cell for cell in cells if cell not in below]


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("name", example_paths())
def test_every_table_of_an_example_has_its_headings(
    monkeypatch: pytest.MonkeyPatch, name: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = succeed("trace", name).out
    assert max(map(width_of, text.splitlines())) <= width
    found = sections(text)
    for section, (titles, cells) in HEADINGS.items():
        assert lacks_headings(found[section], titles, cells) == [], section


def test_a_table_without_headings_is_found() -> None:
    titles, cells = HEADINGS["forward"]
    assert lacks_headings(["   output", "  input  1", "        1"], titles, cells) == [*titles]
    assert lacks_headings(["  layer  shape  formula", "  input  1"], titles, cells) == ["output"]
