"""Shortcuts for tests of the gradient check, and a network with every kind of layer."""

from typing import Any

from bpnet.config.settings import Config
from bpnet.nn.registry import layer_types
from bpnet.teach.gradcheck.gradcheck import Report, run_gradcheck
from tests.helpers.tiny import read_config

EVERY_KIND = """
[model]
layers =
    scale 0.7
    conv 4 kernel=5 stride=2
    batchnorm
    leaky_relu slope=0.2
    conv 5 kernel=3 padding=1
    maxpool 2
    relu
    avgpool 3
    globalavgpool
    flatten
    dropout 0.3
    linear 8
    tanh
    residual
    elu
    gelu
    end
    softplus
    linear 6
    sigmoid
    linear 10
    softmax
init = glorot
[train]
loss = mse
"""
KINDS = [spec.kind for spec in read_config(EVERY_KIND).model.layers]
NAMES = [f"{number}.{kind}" for number, kind in enumerate(KINDS, start=1)]
MISTAKES = [
    f"{name}:{place}"
    for name in NAMES
    for place in range(1, 2 + len(layer_types()[name.partition(".")[2]].other_mistakes))
]


def check(config: Config, sabotage: str | None = None, **options: Any) -> Report:
    return run_gradcheck(config, sabotage, seconds=0.01, **options)


def wrong_rows(report: Report) -> set[tuple[str, str]]:
    wrong = [row.gradient for row in report.checks if not row.passed]
    return {(gradient.layer, gradient.parameter) for gradient in wrong}


def culprit(report: Report) -> tuple[str, str]:
    assert report.culprit is not None
    return report.culprit.gradient.layer, report.culprit.gradient.parameter
