"""ONNX files give what bpnet gives: every layer, every loss, one picture or many."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet import __version__
from bpnet.data.mnist import load_mnist
from bpnet.data.synthetic import draw_digits
from bpnet.export.onnx import layers as writers
from bpnet.export.onnx.file import onnx_bytes, running_code
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.model import Model
from bpnet.model.run_files import WEIGHTS
from bpnet.nn.registry import layer_types, loss_types
from tests.helpers.places import MNIST_FILES, needs_data
from tests.helpers.random_model import NETS, random_model
from tests.helpers.tiny import TABLE, read_config

onnx = pytest.importorskip("onnx", reason="writes ONNX files: pip install onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="runs ONNX files: pip install onnxruntime")

CLOSE = 1e-5  # in probability
PERCEPTRON = "flatten | linear 5 | tanh | linear 3"


def run(content: bytes, samples: NDArray[Any]) -> NDArray[np.float32]:
    """Return what onnxruntime answers, by the only input and output."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (source,), (answer,) = session.get_inputs(), session.get_outputs()
    found: NDArray[np.float32] = session.run([answer.name], {source.name: samples})[0]
    return found


def operations(content: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(content).graph.node]


def pictures(count: int = 40) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (count, 9, 8), dtype=np.uint8)


def assert_same_answers(model: Model, samples: NDArray[np.uint8]) -> None:
    """Compare labels, and probabilities, of some pictures and of the first alone."""
    content = onnx_bytes(model)
    found, expected = run(content, samples), model.probabilities(samples)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= CLOSE
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert np.abs(run(content, samples[:1]) - found[:1]).max() <= CLOSE


def test_every_kind_of_layer_can_be_written() -> None:
    blocks = {"residual", "end"}
    assert set(writers.WRITERS) | blocks == set(layer_types())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETS)
def test_answers_are_those_of_numpy(name: str, dtype: str) -> None:
    loss = "mse" if name in ("softmax", "bent") else "cross_entropy"
    assert_same_answers(random_model(NETS[name], loss, dtype), pictures())


@pytest.mark.parametrize("temperature", [None, 0.3, 1.7])
@pytest.mark.parametrize("loss", loss_types())
def test_probabilities_are_those_of_the_loss(loss: str, temperature: float | None) -> None:
    changes: dict[str, Any] = {} if temperature is None else {"temperature": temperature}
    assert_same_answers(random_model(PERCEPTRON, loss, **changes), pictures())


@pytest.mark.parametrize("loss", loss_types())
@pytest.mark.parametrize("bias", [-300.0, 300.0])
def test_outputs_far_from_0_have_probabilities(loss: str, bias: float) -> None:
    model = random_model(PERCEPTRON, loss)
    model.network.parameters.views["4.bias"][...] = bias, bias + 1, bias
    assert_same_answers(model, pictures())


@pytest.mark.parametrize("shape", [(1, 9, 8), (72,)])
def test_onnxruntime_runs_the_file_with_these_lines(
    shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = PERCEPTRON if len(shape) == 3 else PERCEPTRON.removeprefix("flatten | ")
    model = random_model(lines, input_shape=shape)
    (tmp_path / "net.onnx").write_bytes(onnx_bytes(model))
    monkeypatch.chdir(tmp_path)
    samples = pictures() if len(shape) == 3 else pictures().reshape(-1, 72).astype(np.float32)
    found: dict[str, Any] = {"pictures": samples, "samples": samples}
    code = running_code(model, "net.onnx")
    assert f"{samples.dtype}, (batch, {', '.join(map(str, samples.shape[1:]))})" in code
    exec(code, found)
    assert np.abs(found["answers"] - model.probabilities(samples)).max() <= CLOSE


def test_a_wrong_weight_is_noticed() -> None:
    model = random_model(PERCEPTRON)
    content = onnx_bytes(model)
    model.network.parameters.views["4.weight"][0, 0] += 0.01
    found = np.abs(run(content, pictures()) - model.probabilities(pictures())).max()
    assert found > 10 * CLOSE


def test_batch_normalisation_is_taken_into_the_layer_before() -> None:
    content = onnx_bytes(random_model(NETS["channels"]))
    assert "BatchNormalization" not in operations(content)
    alone = random_model("batchnorm | relu | batchnorm | flatten | linear 3")
    assert operations(onnx_bytes(alone)).count("BatchNormalization") == 2
    assert_same_answers(alone, pictures())


def test_the_shipped_weights_read_digits() -> None:
    images, digits = draw_digits(np.arange(300) % 10, seed=3)
    model = load_checkpoint(WEIGHTS).model()
    assert_same_answers(model, images)
    assert (run(onnx_bytes(model), images).argmax(axis=1) == digits).mean() > 0.98


@needs_data
def test_the_shipped_weights_read_mnist() -> None:
    assert_same_answers(
        load_checkpoint(WEIGHTS).model(), load_mnist("mnist", MNIST_FILES).test.inputs[:200]
    )


def test_the_file_tells_what_it_is() -> None:
    file = onnx.load_from_string(onnx_bytes(load_checkpoint(WEIGHTS).model(fast=False)))
    onnx.checker.check_model(file, full_check=True)
    texts = {entry.key: entry.value for entry in file.metadata_props}
    assert json.loads(texts["class_names"]) == [*"0123456789", "no digit"]
    assert json.loads(texts["preparation"])["frame"] == [28, 28]
    assert texts["config"].startswith("[data]\ndataset = mnist\n")
    assert texts["bpnet_version"] == file.producer_version == __version__
    assert file.opset_import[0].version >= 17
    (source,), (answer,) = file.graph.input, file.graph.output
    assert source.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    sides = source.type.tensor_type.shape.dim
    assert (sides[0].dim_param, *(side.dim_value for side in sides[1:])) == ("batch", 28, 28)
    assert answer.name == "probabilities"


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("mse", "outputs"),
        ("quadratic", "outputs"),
        ("binary_cross_entropy", "probabilities"),
        ("cross_entropy", "probabilities"),
    ],
)
def test_plain_numbers_are_answered_as_they_are(loss: str, name: str) -> None:
    numbers = TABLE.replace("    0\n    1\n    1\n    2\n", 4 * "    1\n")
    config = read_config(numbers.replace("loss = mse", f"loss = {loss}"))
    model = random_model("linear 4 | tanh | linear 3", loss, input_shape=(2,))
    model = dataclasses.replace(model, config=config, class_names=())
    samples = np.random.default_rng(1).normal(size=(7, 2)).astype(np.float32)
    content = onnx_bytes(model)
    outputs = model.normalization.scale * samples + model.normalization.offset
    for layer in (model.network.layers[0], model.network.layers[2]):
        outputs = outputs @ layer.weight.T + layer.bias  # type: ignore[attr-defined]
        outputs = np.tanh(outputs) if layer.position == 1 else outputs
    if name == "probabilities":
        powers = np.exp(outputs)
        sums = powers.sum(axis=1, keepdims=True) if loss == "cross_entropy" else 1 + powers
        outputs = powers / sums
    assert onnx.load_from_string(content).graph.output[0].name == name
    np.testing.assert_allclose(run(content, samples), outputs, rtol=1e-5, atol=1e-6)
