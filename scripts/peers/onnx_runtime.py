"""Answer with ONNX Runtime: pictures in uint8 go in, class probabilities come out."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from peers.work import Answer, Work

VERSION = onnxruntime.__version__
CHUNKS = (10000, 2500, 1000, 250, 64, 32, 16)  # pictures of one call
TRIES = 3  # of each way to call it, the fastest of which is taken


def answer(work: Work, mode: str) -> Answer:
    """Return what answers `work.batch_size` pictures in one mode, `plain` or `fastest`.

    Plain is one call for all pictures, on two threads. Else it tries one thread and two within a
    call, two calls at once, and several numbers of pictures in a call, and keeps to the fastest.
    """
    model = model_of(work).SerializeToString()
    if mode == "plain":
        return within_a_call(open_session(model, 2), work.batch_size)
    pictures = work.images[: work.batch_size]
    size = len(pictures)
    ways = [within_a_call(open_session(model, threads), size) for threads in (1, 2)]
    if size > 1:
        sessions = {threads: open_session(model, threads) for threads in (1, 2)}
        chunks = [chunk for chunk in CHUNKS if chunk < size]
        ways = [within_a_call(sessions[2], chunk) for chunk in (size, *chunks)]
        ways += [at_once(sessions[1], chunk) for chunk in (size // 2, *chunks)]
    return min(ways, key=lambda way: seconds_of(way, pictures))


def open_session(model: bytes, threads: int) -> Any:
    """Return a session that computes with so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def within_a_call(session: Any, chunk: int) -> Answer:
    """Return what answers chunk after chunk, the session's threads at work on each."""

    def probabilities(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = [
            session.run(None, {"images": images[start : start + chunk]})[0]
            for start in range(0, len(images), chunk)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    return probabilities


def at_once(session: Any, chunk: int) -> Answer:
    """Return what answers half of the pictures in each of two threads."""
    pool = ThreadPoolExecutor(1)
    half = within_a_call(session, chunk)

    def probabilities(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        middle = len(images) // 2
        second = pool.submit(half, images[middle:])
        return np.concatenate([half(images[:middle]), second.result()])

    return probabilities


def seconds_of(way: Answer, pictures: NDArray[np.uint8]) -> float:
    """Return the shortest time of a few calls."""
    times = []
    for _ in range(TRIES if len(pictures) > 1 else 1000):
        start = time.perf_counter()
        way(pictures)
        times.append(time.perf_counter() - start)
    return min(times)


def model_of(work: Work) -> Any:
    """Return the network as an ONNX model, normalisation and softmax included."""
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    def then(kind: str, given: str, *others: str, **options: Any) -> str:
        name = f"{len(nodes)}.{kind}"
        nodes.append(helper.make_node(kind, [given, *others], [name], **options))
        return name

    how = work.normalization()
    x = then("Cast", "images", to=TensorProto.FLOAT)
    x = then("Mul", x, constant("scale", np.float32(how.scale).reshape(1)))
    x = then("Add", x, constant("offset", np.float32(how.offset).reshape(1)))
    x = then("Reshape", x, constant("shape", np.array([-1, 1, 28, 28])))
    values = iter(work.weights())
    for spec, _, _ in work.layers():
        given = spec.options
        if spec.kind in {"linear", "conv"}:
            weight, bias = (
                constant(f"{len(constants)}.{role}", next(values)) for role in ("weight", "bias")
            )
        if spec.kind == "linear":
            x = then("Gemm", x, weight, bias, transB=1)
        elif spec.kind == "conv":
            x = then("Conv", x, weight, bias, pads=[given.get("padding", 0)] * 4)
        elif spec.kind == "maxpool":
            side = [given["size"]] * 2
            x = then("MaxPool", x, kernel_shape=side, strides=side)
        elif spec.kind == "relu":
            x = then("Relu", x)
        elif spec.kind == "flatten":
            x = then("Flatten", x)
    nodes.append(helper.make_node("Softmax", [x], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes,
        work.preset,
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 10])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
