"""Test samples that wait in a file: the same numbers, and no trace."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from bpnet.data import aside as module
from bpnet.data.aside import aside, with_test_aside
from bpnet.data.dataset import Dataset, Samples
from bpnet.model.forks import CAN_FORK, map_forked

RNG = np.random.default_rng(1)
PICTURES = RNG.integers(256, size=(300, 28, 28), dtype=np.uint8)
LABELS = np.arange(300) % 10
posix = pytest.mark.skipif(os.name != "posix", reason="needs files that can be unlinked while open")


@pytest.mark.parametrize(
    "inputs", [PICTURES, PICTURES.swapaxes(1, 2), RNG.standard_normal((7, 3)), np.empty((0, 4))]
)
def test_the_samples_are_the_same(inputs: np.ndarray) -> None:
    found = aside(Samples(inputs, LABELS[: len(inputs)]))
    assert (found.inputs.dtype, found.inputs.shape) == (inputs.dtype, inputs.shape)
    np.testing.assert_array_equal(found.inputs, inputs)
    np.testing.assert_array_equal(found.targets, LABELS[: len(inputs)])
    assert not np.shares_memory(found.inputs, inputs) or not inputs.size


@posix
def test_nothing_is_left_and_nothing_can_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = aside(Samples(PICTURES, LABELS))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        found.inputs[0] = 0


@pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
def test_forked_processes_read_them_too() -> None:
    found = aside(Samples(PICTURES, LABELS))
    sums = map_forked(lambda number: int(found.inputs[number].sum()), 300, 2)
    assert sums == PICTURES.sum(axis=(1, 2)).tolist()


def test_they_stay_in_memory_where_no_file_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "TemporaryFile", refuse)
    samples = Samples(PICTURES, LABELS)
    assert aside(samples) is samples


def test_training_samples_that_serve_as_test_samples_stay() -> None:
    samples = Samples(PICTURES, LABELS)
    table = Dataset("table", samples, samples, ())
    assert with_test_aside(table) is table
    other = Dataset("idx", samples, Samples(PICTURES[:9], LABELS[:9]), tuple("0123456789"))
    found = with_test_aside(other)
    assert found.train is other.train
    assert found.fingerprint() == other.fingerprint()
    np.testing.assert_array_equal(found.test.inputs, other.test.inputs)
