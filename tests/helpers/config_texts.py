"""Configs as text, and what is wrong with them."""

from pathlib import Path

import pytest

from bpnet.config.loading import load_config
from bpnet.config.reader import ConfigReader
from bpnet.errors import ConfigError
from tests.helpers.places import PROJECT

DOCUMENTED = """
[data]
dataset = mnist
path =
normalize = standard
validation = 5000

[model]
layers =
    conv 24 kernel=5
    maxpool 2
    relu
    conv 32 kernel=3
    maxpool 2
    relu
    flatten
    linear 256
    relu
    linear 10
init = he
dtype = float32

[train]
loss = cross_entropy
epochs = 10
batch_size = 64
seed = 1
label_smoothing = 0.0
ema = 0.0
early_stopping = 0
grad_clip = 0.0
shards = 2
split = samples
workers = auto
blas_threads = 1

[optimizer]
name = sgd
learning_rate = 0.05
momentum = 0.9
nesterov = yes
weight_decay = 5e-4

[schedule]
name = one_cycle

[augment]
shift = 0
rotate = 0
scale = 0.0
shear = 0
elastic_alpha = 0
elastic_sigma = 4

[checkpoint]
every = 1
"""
CONFIGS = sorted((PROJECT / "configs").rglob("*.ini"))


def problems(text: str, *overrides: str) -> list[str]:
    """Return what is wrong with a text."""
    reader = ConfigReader("a.ini", PROJECT)
    reader.read(text, overrides)
    return reader.problems


def file_error(tmp_path: Path, text: str, *overrides: str) -> str:
    """Return the one message about a config file."""
    path = tmp_path / "a.ini"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(str(path), overrides)
    return str(caught.value).replace(str(path), "a.ini")


def only_problem(text: str, *overrides: str) -> str:
    (problem,) = problems(text, *overrides)
    return problem
