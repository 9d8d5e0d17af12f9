"""Layers and losses are found in whichever file of the folder they stand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import bpnet.nn
from bpnet.nn import registry

OTHERS = '''
"""A layer and a loss in a file of another name."""

from bpnet.nn.activation import Activation
from bpnet.nn.loss import Loss


class Halve(Activation):
    """Apply `a = z / 2`."""

    kind = "halve"


class Hinge(Loss):
    """Apply `C = max(0, 1 − y z)`."""

    kind = "hinge"
'''


@pytest.fixture(autouse=True)
def one_more_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "some_others.py").write_text(OTHERS, encoding="utf-8")
    monkeypatch.setattr(bpnet.nn, "__path__", [*bpnet.nn.__path__, str(tmp_path)])
    registry.file_names.cache_clear()
    yield
    registry.file_names.cache_clear()


def test_kinds_in_a_file_of_another_name_are_found() -> None:
    layer, loss = registry.find_layer("halve"), registry.find_loss("hinge")
    assert layer is registry.layer_types()["halve"]
    assert loss is registry.loss_types()["hinge"]
    assert layer is not None
    assert loss is not None


def test_a_layer_is_no_loss_and_a_loss_no_layer() -> None:
    for kind in ("hinge", "cross_entropy"):
        assert registry.find_layer(kind) is None
    for kind in ("halve", "relu", "linear"):
        assert registry.find_loss(kind) is None
