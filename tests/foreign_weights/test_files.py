"""Files of weights from strangers: read, or refused with the reason; nothing in them is run."""

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.errors import CheckpointError, ConfigError
from bpnet.export.textbook_json import textbook_json
from bpnet.foreign_weights.importing import import_weights
from tests.helpers.random_model import random_model
from tests.helpers.tiny import read_config

LINES = "flatten | linear 3"
CONFIG = read_config("[model]\nlayers =\n    flatten\n    linear 10\n")
WEIGHT, BIAS = np.full((10, 784), 0.5, np.float32), np.arange(10, dtype=np.float32)


def safetensors_text(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(kind: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


def good_safetensors() -> bytes:
    header = {
        "1.weight": tensor("F32", [10, 784], 0, 31360),
        "1.bias": tensor("F32", [10], 31360, 31400),
    }
    return safetensors_text(header, WEIGHT.tobytes() + BIAS.tobytes())


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        import_weights(path, CONFIG)
    message = str(caught.value)
    assert str(path) in message
    assert len(message) < 3000
    return message


@pytest.fixture
def needs_safetensors() -> None:
    pytest.importorskip("safetensors", reason="reads safetensors: pip install safetensors")


@pytest.mark.usefixtures("needs_safetensors")
class TestSafetensors:
    def test_a_good_one_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "a.safetensors").write_bytes(good_safetensors())
        model = import_weights(tmp_path / "a.safetensors", CONFIG).model
        assert (model.network.parameters.views["2.weight"] == 0.5).all()
        assert model.network.parameters.views["2.bias"].tolist() == BIAS.tolist()

    @pytest.mark.parametrize("kind", ["F16", "F64"])
    def test_other_floats_are_converted(self, tmp_path: Path, kind: str) -> None:
        dtype = {"F16": "<f2", "F64": "<f8"}[kind]
        data = WEIGHT.astype(dtype).tobytes() + BIAS.astype(dtype).tobytes()
        half = len(WEIGHT.astype(dtype).tobytes())
        header = {
            "1.weight": tensor(kind, [10, 784], 0, half),
            "1.bias": tensor(kind, [10], half, len(data)),
        }
        (tmp_path / "a.safetensors").write_bytes(safetensors_text(header, data))
        views = import_weights(tmp_path / "a.safetensors", CONFIG).model.network.parameters.views
        assert (views["2.weight"] == 0.5).all()

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "an empty file"),
            (b"1234", "a file of another kind"),
            (pickle.dumps({"1.weight": 0}), "a pickle, which could run any code"),
            (struct.pack("<Q", 1 << 40) + b"{", "one that declares 1099511627776"),
            (struct.pack("<Q", 1000) + b'{"a":', "header"),
            (safetensors_text(b'{"a": '), "header"),
            (safetensors_text({"a": tensor("F32", [1 << 40], 0, 4)}, b"0000"), ""),
            (safetensors_text({"a": tensor("F32", [1], 0, 1 << 40)}, b"0000"), ""),
            (good_safetensors()[:-1], ""),
            (good_safetensors() + b"0", ""),
            (safetensors_text({"a": tensor("BF16", [2], 0, 4)}, b"0000"), "tensor.float()"),
            (safetensors_text({"__metadata__": {"bpnet": "{"}}), "metadata"),
            (safetensors_text({"__metadata__": {"bpnet": "{}"}}), "metadata"),
            (safetensors_text({"\x1b[31m": tensor("F32", [1], 0, 4)}, b"0000"), "\\x1b[31m"),
        ],
    )
    def test_damaged_ones_are_refused(self, tmp_path: Path, content: bytes, reason: str) -> None:
        assert reason in refused(tmp_path / "a.safetensors", content)

    def test_a_header_of_many_arrays_is_refused(self, tmp_path: Path) -> None:
        header = {str(n): tensor("F32", [0], 0, 0) for n in range(30_000)}
        assert "at most" in refused(tmp_path / "a.safetensors", safetensors_text(header))

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_weights_that_are_not_finite_are_refused(self, tmp_path: Path, value: float) -> None:
        content = good_safetensors()[:-4] + np.float32(value).tobytes()
        assert "1.bias, in float32" in refused(tmp_path / "a.safetensors", content)


def save(path: Path, **arrays: Any) -> bytes:
    np.savez(path, **arrays)
    return path.read_bytes()


class TestNpz:
    def test_a_good_one_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "a.npz"
        arrays: dict[str, Any] = {"fc.weight": WEIGHT.astype(">f8"), "fc.bias": BIAS}
        np.savez_compressed(path, **arrays)
        views = import_weights(path, CONFIG).model.network.parameters.views
        assert (views["2.weight"] == 0.5).all()
        assert views["2.bias"].tolist() == BIAS.tolist()

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda path: b"", "an empty file"),
            (lambda path: pickle.dumps(0), "a pickle"),
            (lambda path: save(path, w=WEIGHT)[:-30], "damaged"),
            (lambda path: save(path, w=np.array([None])), "pickled objects"),
            (lambda path: save(path, w=np.asfortranarray(WEIGHT)), "numpy.ascontiguousarray"),
            (lambda path: save(path, w=WEIGHT.astype(int), b=BIAS), "w of type int64"),
            (lambda path: save(path, w=WEIGHT.astype(complex), b=BIAS), "w of type complex"),
            (lambda path: save(path, w=WEIGHT * np.float64(1e300), b=BIAS), "w, in float32"),
            (lambda path: save(path, record=np.zeros(3, "u1"), sha256=np.zeros(32, "u1")), "as it"),
        ],
    )
    def test_damaged_ones_are_refused(
        self, tmp_path: Path, make: Callable[[Path], bytes], reason: str
    ) -> None:
        assert reason in refused(tmp_path / "a.npz", make(tmp_path / "a.npz"))

    def test_a_negative_variance_is_refused(self, tmp_path: Path) -> None:
        config = read_config("[model]\nlayers =\n    flatten\n    batchnorm\n    linear 10\n")
        ones = np.ones(784, np.float32)
        statistics = {"running_mean": ones, "running_var": -ones}
        arrays = {f"bn.{role}": ones for role in ("weight", "bias")} | {
            f"bn.{role}": values for role, values in statistics.items()
        }
        save(tmp_path / "a.npz", **arrays, **{"fc.weight": WEIGHT, "fc.bias": BIAS})
        with pytest.raises(CheckpointError, match="a variance is negative"):
            import_weights(tmp_path / "a.npz", config)


def textbook(**changes: Any) -> bytes:
    document = {
        "sizes": [784, 10],
        "weights": [WEIGHT.tolist()],
        "biases": [BIAS[:, None].tolist()],
        "cost": "CrossEntropyCost",
    }
    return json.dumps(document | changes).encode()


class TestTextbook:
    @pytest.mark.parametrize("cost", ["CrossEntropyCost", "QuadraticCost"])
    def test_a_good_one_tells_its_network(self, tmp_path: Path, cost: str) -> None:
        path = tmp_path / "network.json"
        path.write_bytes(textbook(cost=cost))
        found = import_weights(path)
        kinds = [layer.kind for layer in found.model.network.layers]
        last = ["sigmoid"] if cost == "QuadraticCost" else []
        assert kinds == ["flatten", "linear", *last]
        assert found.model.network.parameters.views["2.bias"].tolist() == BIAS.tolist()
        assert found.note == "x/255, as the config says"

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "not JSON"),
            (b"\xff\xfe", "not JSON"),
            (b"[1]", "no object"),
            (b"{}", '"sizes"'),
            (b"[" * 200_000, "nested too deeply"),
            (b"[" + b"[]," * 2_000_000 + b"0]", "more"),
            (textbook(sizes=[784, 10, 10]), '"weights"'),
            (textbook(sizes=[784, -1]), "whole numbers above 0"),
            (textbook(sizes=[784, 9]), "weights[0]"),
            (textbook(biases=[[[1, 2]] * 10]), "biases[0]"),
            (textbook(biases=[[True] * 10]), "biases[0]"),
            (textbook(biases=[["1"] * 10]), "biases[0]"),
            (textbook(biases=[[10**400] + [0] * 9]), "biases[0]"),
            (textbook(biases=[[float("nan")] * 10]), "NaN"),
            (textbook(biases=[[1e300] * 10]), "not finite"),
            (textbook(bpnet={"format": 1}), "metadata"),
        ],
        ids=range(16),
    )
    def test_damaged_ones_are_refused(self, tmp_path: Path, content: bytes, reason: str) -> None:
        assert reason in refused(tmp_path / "network.json", content)

    @pytest.mark.parametrize("cost", ["LogLikelihood", ["QuadraticCost"], {}, None, 1])
    def test_another_cost_needs_a_config(self, tmp_path: Path, cost: Any) -> None:
        path = tmp_path / "network.json"
        path.write_bytes(textbook(cost=cost))
        with pytest.raises(ConfigError, match="which network they belong to"):
            import_weights(path)
        assert import_weights(path, CONFIG).model.config.train.loss == "cross_entropy"

    def test_a_mark_of_the_encoding_may_come_first(self, tmp_path: Path) -> None:
        path = tmp_path / "network.json"
        path.write_bytes(b"\xef\xbb\xbf" + textbook())
        assert import_weights(path).names["2.bias"] == "0.bias"

    def test_its_own_exports_come_back_with_the_same_bits(self, tmp_path: Path) -> None:
        model = random_model("flatten | linear 3 | sigmoid", "quadratic", temperature=1.5)
        path = tmp_path / "network.json"
        path.write_bytes(textbook_json(model))
        first = import_weights(path).model
        path.write_bytes(textbook_json(first))
        again = import_weights(path).model
        for one in (first, again):
            assert (one.class_names, one.temperature) == (("a", "b", "c"), 1.5)
        assert (first.network.parameters.flat == again.network.parameters.flat).all()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a.pt", 'save_file(torch.load("a.pt", weights_only=True), "a.safetensors")'),
        ("a.h5", "model.get_weights()"),
        ("a.onnx", "from which the ONNX file was made"),
        ("a.txt", ".safetensors or .npz"),
        ("a", "a name without an end"),
    ],
)
def test_other_files_are_refused_with_a_way_to_convert_them(
    tmp_path: Path, name: str, hint: str
) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ConfigError) as caught:
        import_weights(tmp_path / name, CONFIG)
    assert hint in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    for name, found in (("none.npz", "no such file"), ("folder.npz", "a directory")):
        with pytest.raises(CheckpointError, match=found):
            import_weights(tmp_path / name, CONFIG)
