"""Compare arrays by what is known before they are read: names, element types, shapes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bpnet.errors import CheckpointError

RECORD = "record"  # the JSON record's place among the arrays
DIGEST = "sha256"
MOST_MEMORIES = 4  # vectors of an optimiser: more than any needs


class Form(NamedTuple):
    """Describe an array by its element type, such as `<f4`, and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Return its bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"


Forms = dict[str, Form]


def check_forms(found: Forms, parameters: Forms, state: Forms, path: Path) -> None:
    """Make sure that a file holds the arrays of a network, and no others.

    Args:
        found: of all arrays in the file.
        parameters: of the network.
        state: of its running statistics.
        path: of the file.

    Raises:
        CheckpointError: names, element types or shapes differ.
    """
    groups: dict[str, Forms] = {"parameters": {}, "state": {}}
    for name, form in found.items():
        if name not in (RECORD, DIGEST):
            group, _, role = name.rpartition("/")
            groups.setdefault(group, {})[role] = form
    expected = {"parameters": parameters, "state": state}
    if any(group.startswith("averaged/") for group in groups):
        expected |= {f"averaged/{group}": forms for group, forms in expected.items()}
    memories = [group for group in groups if group.startswith("optimizer/")]
    expected |= dict.fromkeys(memories[:MOST_MEMORIES], parameters)
    for group in groups | expected:
        demand_equal(group, expected.get(group, {}), groups.get(group, {}), path)


def demand_equal(group: str, expected: Forms, found: Forms, path: Path) -> None:
    """Raise an error that names the first array by which two groups differ."""
    for name in expected | found:
        if expected.get(name) != found.get(name):
            raise CheckpointError(
                f"the {group or 'arrays'} in the checkpoint belong to another network",
                where=path,
                expected=f"{name}: {expected.get(name, 'no such array')}",
                found=f"{name}: {found.get(name, 'no such array')}",
            )


def label(name: str, form: Form) -> bytes:
    """Return what stands for an array's name and form in the digest."""
    return f"{name} {form.dtype} {form.shape};".encode()


def form_of(array: NDArray[Any]) -> Form:
    """Return an array's element type and shape."""
    return Form(array.dtype.str, array.shape)
