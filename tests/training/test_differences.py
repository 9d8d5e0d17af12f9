"""Values and arrays of two runs compared: where they differ, and how far apart they are."""

import json
import math

import numpy as np
import pytest

from bpnet.training.differences import Difference, array_differences, value_differences


def test_values_differ_by_place_and_by_how_much() -> None:
    stored = {"a": [1, {"seconds": 1, "b": 2.0}], "c": None}
    found = {"a": [1, {"seconds": 2, "b": 2.5}, 3], "d": 0}
    assert list(value_differences(7, "file", stored, found)) == [
        Difference(7, "file", "a[1].b", 2.0, 2.5, 0.2),
        Difference(7, "file", "a[2]", None, 3),
        Difference(7, "file", "d", None, 0),
    ]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1" * 400, "-1.7e308"])
def test_how_far_apart_is_unknown_where_no_float_can_tell(text: str) -> None:
    for found in (0.5, 1.7e308):
        (difference,) = value_differences(1, "file", json.loads(text), found)
        assert difference.relative is None or math.isfinite(difference.relative)
    one, other = np.full(2, float("nan" if text == "NaN" else "inf")), np.ones(2)
    assert array_differences(1, "file", "w", one, other)[0].relative is None
    assert array_differences(1, "file", "w", np.full(9, 1.7e308), other[:1].repeat(9))


def test_arrays_differ_by_their_bits() -> None:
    zero = np.zeros((2, 3), dtype=np.float32)
    other = zero.copy()
    other[1, 2] = -0.0
    assert array_differences(1, "file", "w", zero, zero.copy()) == []
    assert array_differences(1, "file", "w", zero, other)[0].key == "w[1, 2]"
    assert array_differences(1, "file", "w", zero, zero[:1])[0].found == "float32 (1, 3)"
    assert array_differences(1, "file", "w", None, zero)[0].stored is None
    assert array_differences(1, "file", "w", zero.astype(float), zero)[0].stored == "float64 (2, 3)"
