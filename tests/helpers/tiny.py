"""Small configs, data and runs, so that a test of the loop takes milliseconds."""

import dataclasses
import io
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.cli.main import run
from bpnet.config.reader import ConfigReader
from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.files.names import STEMS
from bpnet.model.model import Model
from bpnet.model.workers import Workers
from bpnet.training.loop import Trainer
from bpnet.training.run import prepare_model
from tests.helpers.places import PROJECT

LAYERS = """
layers =
    conv 3 kernel=3
    relu
    maxpool 2
    flatten
    linear 3
"""
NET = f"[data]\ndataset = idx\npath = pictures\nvalidation = 20\n[model]{LAYERS}"
TRAIN = "[train]\nepochs = 3\nbatch_size = 16\n"
TABLE = """
[data]
dataset = table
inputs =
    0 0
    0 1
    1 0
    1 1
targets =
    0
    1
    1
    2
[model]
layers =
    linear 4
    tanh
    linear 1
[train]
loss = mse
epochs = 4
"""


def read_config(text: str = NET + TRAIN, *overrides: str, folder: Path = PROJECT) -> Config:
    """Return the config that a text describes; fail where it is wrong."""
    reader = ConfigReader("a.ini", folder)
    config = reader.read(text, overrides)
    assert not reader.problems, reader.problems
    return config


def config_file(folder: Path, text: str) -> Path:
    """Write a config, and return where it is."""
    path = folder / "net.ini"
    path.write_text(text, encoding="utf-8")
    return path


def draw_samples(count: int, seed: int) -> Samples:
    """Draw pictures of 8×8 pixels in three classes: a bright bar at one of three heights."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.integers(0, 90, (count, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[1 + 2 * label : 3 + 2 * label, 1:7] += 120
    return Samples(images, labels.astype(np.int64))


def draw_dataset(train: int = 100, test: int = 30) -> Dataset:
    """Return training and test samples in three classes."""
    return Dataset("idx", draw_samples(train, 1), draw_samples(test, 2), ("0", "1", "2"))


def write_idx_folder(folder: Path, dataset: Dataset) -> Path:
    """Write a data set as the four files that `dataset = idx` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = (dataset.train, dataset.test)
    arrays = [array for part in parts for array in (part.inputs, part.targets)]
    for stem, array in zip(STEMS, arrays, strict=True):
        head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (folder / stem).write_bytes(head + array.astype(np.uint8).tobytes())
    return folder


def new_trainer(config: Config, dataset: Dataset, run_dir: Path, workers: Workers) -> Trainer:
    """Return a trainer at its first step."""
    run_dir.mkdir(exist_ok=True)
    model = prepare_model(config, dataset)
    return Trainer(model, dataset, run_dir, workers, dataset.fingerprint())


def train(
    config: Config,
    run_dir: Path,
    dataset: Dataset | None = None,
    *,
    workers: int = 1,
    kind: str = "auto",
    should_stop: Callable[[], bool] = lambda: False,
) -> Trainer:
    """Train from the start, until the end or until `should_stop` says so."""
    with Workers(workers, kind) as pool:
        trainer = new_trainer(config, dataset or draw_dataset(), run_dir, pool)
        trainer.run(should_stop)
    return trainer


def after(steps: int) -> Callable[[], bool]:
    """Return a `should_stop` that says yes after that many steps."""
    done = iter(range(1, steps + 1))
    return lambda: next(done, steps) >= steps


def weights(model: Model) -> NDArray[Any]:
    """Return a copy of all parameters and running statistics."""
    return np.concatenate([model.network.parameters.flat, model.network.state.flat])


def with_settings(config: Config, section: str, **changes: Any) -> Config:
    """Return a config with other values in one section."""
    changed = dataclasses.replace(getattr(config, section), **changes)
    return dataclasses.replace(config, **{section: changed})


@dataclasses.dataclass(frozen=True)
class Answer:
    """Hold what a command gave back."""

    code: int
    out: str
    err: str


def call(*arguments: object) -> Answer:
    """Run the command line within this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([str(argument) for argument in arguments], debug=False)
    answer = Answer(code, out.getvalue(), err.getvalue())
    assert "Traceback" not in answer.err
    assert "bpnet: unexpected" not in answer.err, answer.err
    return answer


def succeed(*arguments: object) -> Answer:
    """Run a command that must do its work."""
    answer = call(*arguments)
    assert answer.code == 0, answer.err
    return answer


def fail(code: int, *arguments: object) -> str:
    """Run a command that must end with this exit code and one message; return the message."""
    answer = call(*arguments)
    assert answer.code == code, answer.err or answer.out
    assert answer.err
    return answer.err


def bpnet(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=process_environment(**environment),
        capture_output=True,
        text=True,
        timeout=120,
    )


def command(*arguments: object) -> list[str]:
    """Return the words that start bpnet with warnings as errors."""
    return [sys.executable, "-W", "error", "-m", "bpnet", *map(str, arguments)]


def process_environment(**changes: str) -> dict[str, str]:
    """Return an environment in which processes find this bpnet and no data of the user."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("BPNET_")}
    return inherited | {"PYTHONPATH": str(PROJECT)} | changes
