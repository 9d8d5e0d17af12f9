"""Write a network as an ONNX file: pictures go in as they are, probabilities come out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bpnet.export.metadata import metadata, takes_pictures
from bpnet.export.onnx.answer import add_answer
from bpnet.export.onnx.graph import Graph
from bpnet.export.onnx.layers import add_layers
from bpnet.model.model import Model
from bpnet.version import __version__

if TYPE_CHECKING:
    from onnx import ValueInfoProto

OPSET = 17  # of the operations: runtimes know it since 2022
FORMAT = 8  # the file format of that time
PICTURES, SAMPLES = "pictures", "samples"
BATCH = "batch"  # the name of the number of samples, which may be any


def onnx_bytes(model: Model) -> bytes:
    """Return the content of an ONNX file, which ONNX's own checker has found right.

    The graph takes pictures (batch, height, width) of bytes, or else samples (batch, …) of float32,
    normalises them, and computes in float32. Batch normalisation is taken into the layer before it
    where there is one that can.
    """
    from onnx import TensorProto, checker, helper

    graph = Graph()
    made = model.folded()
    source, inputs = _add_inputs(graph, made)
    answer = add_answer(graph, made, add_layers(graph, made.network.layers, inputs))
    outputs = made.network.layers[-1].output_shape
    built = helper.make_graph(
        graph.nodes,
        "bpnet",
        [source],
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, [BATCH, *outputs])],
        graph.constants,
    )
    file = helper.make_model(
        built,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=FORMAT,
        producer_name="bpnet",
        producer_version=__version__,
    )
    helper.set_model_props(file, _texts(model))
    checker.check_model(file, full_check=True)
    content: bytes = file.SerializeToString()
    return content


def running_code(model: Model, file: str) -> str:
    """Return the lines of Python in which onnxruntime answers with an exported network."""
    shape = model.network.input_shape
    if takes_pictures(model):
        name, sides, elements = PICTURES, shape[1:], "uint8"
    else:
        name, sides, elements = SAMPLES, shape, "float32"
    lines = [
        "import onnxruntime",
        f"session = onnxruntime.InferenceSession({json.dumps(file, ensure_ascii=False)})",
        f'(answers,) = session.run(None, {{"{name}": {name}}})'
        f"  # {name}: {elements}, ({', '.join(map(str, (BATCH, *sides)))})",
    ]
    return "\n".join(lines)


def _texts(model: Model) -> dict[str, str]:
    """Return the metadata as texts: what is not one, in JSON."""
    values = metadata(model).items()
    return {key: text if isinstance(text, str) else json.dumps(text) for key, text in values}


def _add_inputs(graph: Graph, model: Model) -> tuple[ValueInfoProto, str]:
    """Add what turns samples into inputs: `scale · stored + offset`; return both."""
    from onnx import TensorProto, helper

    shape = model.network.input_shape
    if takes_pictures(model):
        source = helper.make_tensor_value_info(PICTURES, TensorProto.UINT8, [BATCH, *shape[1:]])
        numbers = graph.node("numbers", "Cast", PICTURES, to=TensorProto.FLOAT)
        x = graph.node("channel", "Unsqueeze", numbers, graph.integers("channel.axis", [1]))
    else:
        source = helper.make_tensor_value_info(SAMPLES, TensorProto.FLOAT, [BATCH, *shape])
        x = SAMPLES
    x = graph.node("scaled", "Mul", x, graph.constant("scale", model.normalization.scale))
    return source, graph.node(
        "inputs", "Add", x, graph.constant("offset", model.normalization.offset)
    )
