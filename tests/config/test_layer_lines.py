"""The values of a layer line: the smallest and largest that are taken, and those beyond."""

import pytest

from bpnet.config.layer_lines import read_layer, unbalanced
from bpnet.config.network import build_layer

WHOLE = "a whole number of at least"
FRACTION = "a number from 0 to below 1"


@pytest.mark.parametrize(
    "line",
    [
        "linear 1",
        "conv 1 kernel=1 stride=1 padding=0",
        "maxpool 1",
        "avgpool 1",
        "dropout 0",
        "batchnorm momentum=0 epsilon=0",
        "leaky_relu slope=0",
        "elu alpha=0",
    ],
)
def test_the_smallest_values_are_taken(line: str) -> None:
    assert read_layer(line).text == line


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("linear 0", "out", f"{WHOLE} 1"),
        ("conv 0 kernel=3", "out", f"{WHOLE} 1"),
        ("conv 4 kernel=0", "kernel", f"{WHOLE} 1"),
        ("conv 4 kernel=3 stride=0", "stride", f"{WHOLE} 1"),
        ("conv 4 kernel=3 padding=-1", "padding", f"{WHOLE} 0"),
        ("maxpool 0", "size", f"{WHOLE} 1"),
        ("maxpool 2 stride=0", "stride", f"{WHOLE} 1"),
        ("avgpool 2 padding=-1", "padding", f"{WHOLE} 0"),
        ("avgpool 0", "size", f"{WHOLE} 1"),
        ("dropout -0.1", "probability", FRACTION),
        ("dropout 1", "probability", FRACTION),
        ("batchnorm momentum=-0.1", "momentum", FRACTION),
        ("batchnorm momentum=1", "momentum", FRACTION),
        ("batchnorm epsilon=-1e-9", "epsilon", FRACTION),
        ("batchnorm epsilon=1", "epsilon", FRACTION),
        ("leaky_relu slope=-0.1", "slope", FRACTION),
        ("leaky_relu slope=1", "slope", FRACTION),
        ("elu alpha=-0.1", "alpha", "a number of at least 0"),
    ],
)
def test_a_value_beyond_them_is_refused_with_what_is_expected(
    line: str, name: str, expected: str
) -> None:
    with pytest.raises(ValueError, match=name) as refused:
        read_layer(line)
    kind = line.split()[0]
    assert str(refused.value).startswith(f'{kind}: "{name}" expects {expected}')


@pytest.mark.parametrize(
    ("short", "full"),  # as in configs/README.md
    [
        ("linear 3", "linear 3 bias=yes"),
        ("conv 3 kernel=2", "conv 3 kernel=2 stride=1 padding=0 bias=yes"),
        ("avgpool 3", "avgpool 3 stride=3 padding=0"),
        ("leaky_relu", "leaky_relu slope=0.01"),
        ("elu", "elu alpha=1"),
        ("batchnorm", "batchnorm momentum=0.1 epsilon=1e-5"),
    ],
)
def test_values_that_are_left_out_are_those_of_the_documents(short: str, full: str) -> None:
    shape = (5,) if short.startswith("linear") else (2, 5, 5)
    left_out, given = (vars(build_layer(read_layer(line), shape)) for line in (short, full))
    assert left_out == given


def lines_of(text: str) -> list[tuple[str, str]]:
    """Return where `unbalanced` finds something, the lines numbered from 1, and what."""
    specs = [read_layer(line, str(place)) for place, line in enumerate(text.split(", "), start=1)]
    return [(spec.where, why) for spec, why in unbalanced(specs)]


@pytest.mark.parametrize(
    "text",
    [
        "relu",
        "residual, relu, end",
        "residual, residual, relu, end, relu, end",
        "residual, relu, residual, relu, end, end, residual, relu, end",
    ],
)
def test_blocks_that_end_are_taken(text: str) -> None:
    assert lines_of(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("relu, end", [("2", "`end` has no `residual` before it")]),
        ("relu, residual, relu", [("2", "`residual` has no `end`")]),
        ("residual, residual, relu, end", [("1", "`residual` has no `end`")]),
        ("residual, end", [("2", "`residual` needs layers between it and its `end`")]),
        (
            "end, residual, residual, end, relu, end, end, residual",
            [
                ("1", "`end` has no `residual` before it"),
                ("4", "`residual` needs layers between it and its `end`"),
                ("7", "`end` has no `residual` before it"),
                ("8", "`residual` has no `end`"),
            ],
        ),
    ],
)
def test_blocks_without_begin_end_or_layers_are_named(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert lines_of(text) == expected
