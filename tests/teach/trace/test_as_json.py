"""What a trace becomes in JSON."""

import numpy as np

from bpnet.nn.facts import Formulas, LossFormulas, Option
from bpnet.teach.trace.as_json import as_json_values


def test_formulas_leave_out_what_other_formulas_are_built_from() -> None:
    formulas = Formulas("a = 2 z", "2", "∂z = 2 δ", {"weight": "δ z"}, error="2 {error}")
    assert as_json_values(formulas) == {
        "forward": "a = 2 z",
        "derivative": "2",
        "backward": "∂z = 2 δ",
        "gradients": {"weight": "δ z"},
    }


def test_numbers_that_are_not_finite_become_null_at_every_depth() -> None:
    values = {"loss": float("nan"), "output": np.array([[1.0, np.inf], [-np.inf, 2.0]])}
    assert as_json_values([values]) == [{"loss": None, "output": [[1.0, None], [None, 2.0]]}]


def test_named_tuples_have_keys() -> None:
    option = Option("kernel", "kernel_size", int, least=1)
    assert as_json_values(option)["argument"] == "kernel_size"
    assert as_json_values({"loss": LossFormulas("C = …", "δ = …")}) == {
        "loss": {"forward": "C = …", "backward": "δ = …"}
    }
