"""Work out formulas as they are written for people: `2 · (−1)² + e^{0.5}`."""

import math
import re

import numpy as np

from bpnet.nn.gelu import GELU
from bpnet.nn.memory import Memory, Room

SIGNS = {"·": "*", "−": "-", "½": "0.5*", "²": "**2", "… (": "unknown("}


def worked_out(formula: str) -> float:
    """Return the value of a formula; where it has several sides, all must have the same."""
    values = [_value(side) for side in formula.split(" = ")]
    np.testing.assert_allclose(values, values[0], rtol=1e-9, atol=1e-12)
    return values[0]


def _value(formula: str) -> float:
    text = re.sub(r"e\^\{([^}]*)\}", r"exp(\1)", formula)
    text = re.sub(r"√([\d.e+−]+|\([^)]*\))", r"sqrt(\1)", text)
    text = re.sub(r"(tanh|log) (\S+\)*)", r"\1(\2)", text) if "tanh " in text else text
    text = re.sub(r"log σ(\([^)]*\))", r"log(σ\1)", text)
    for sign, operator in SIGNS.items():
        text = text.replace(sign, operator)
    known = {
        "exp": math.exp,
        "sqrt": math.sqrt,
        "log": math.log,
        "tanh": math.tanh,
        "max": max,
        "gelu": gelu,
        "σ": lambda z: 1 / (1 + math.exp(-z)),
    }
    return float(eval(text, {"__builtins__": {}}, known))


def gelu(z: float) -> float:
    """Return what bpnet's layer gives."""
    layer = GELU((1,))
    cache = layer.allocate(Room(1, Memory(np.dtype("float64"), training=False)))
    return float(layer.forward(np.array([[z]]), cache)[0, 0])
