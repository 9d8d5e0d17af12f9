"""`scripts/check_exports.py`: exports answer as bpnet does, and one that does not is found."""

from importlib import import_module
from typing import Any

import pytest

from bpnet.model.checkpoint import load_checkpoint
from tests.conftest import Run
from tests.helpers.places import PROJECT

pytest.importorskip("onnx", reason="writes ONNX files: pip install onnx")
pytest.importorskip("onnxruntime", reason="runs ONNX files: pip install onnxruntime")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    return import_module("check_exports")


def test_an_export_answers_as_the_network(script: Any, tiny_run: Run) -> None:
    model = load_checkpoint(tiny_run.path / "best.npz").model()
    labels, difference, pictures = script.compare(model, None)
    assert (labels, pictures) == (0, 50)
    assert difference <= script.CLOSE


def test_an_export_that_differs_is_found(
    script: Any, tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_checkpoint(tiny_run.path / "best.npz").model()
    other = load_checkpoint(tiny_run.path / "best.npz").model()
    other.network.parameters.views["5.bias"][0] += 100
    wrong = script.onnx_bytes(other)
    monkeypatch.setattr(script, "onnx_bytes", lambda model: wrong)
    labels, difference, _ = script.compare(model, None)
    assert labels > 0
    assert difference > script.CLOSE
