"""Keep every test away from the user's own data, and train once what several files look at."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bpnet.data.dataset import Dataset, Samples
from bpnet.machine import available_cores
from tests.helpers.browser import DRIVER, open_browser
from tests.helpers.places import MNIST_FILES
from tests.helpers.started import end_processes
from tests.helpers.tiny import NET, TRAIN, draw_dataset, succeed, write_idx_folder

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

TINY = Path("tiny.ini")
ENOUGH = 2  # processes for the whole suite: many tests start some of their own


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes run the tests: those that are named run in this one."""
    names_some = config.getoption("file_or_dir") or config.getoption("keyword")
    return 0 if names_some else min(ENOUGH, available_cores())


def pytest_configure(config: pytest.Config) -> None:
    """Let the processes of the whole suite keep what Python compiles, even where others may not.

    Without that, each of the hundreds that tests start compiles the package anew.
    """
    if config.getoption("numprocesses", None):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True)
def _no_data_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BPNET_DATA_DIR", "BPNET_MIRROR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> None:
    """Let processes of tests hear signals, even if the tests run behind `nohup` or `&`."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _no_test_waits_for_the_disk() -> Iterator[None]:
    """Leave what tests write in memory, where it is read again; other processes still wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # which refuses what is no open file, too
        yield


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> Iterator[None]:
    yield
    end_processes()


@dataclass(frozen=True)
class Run:
    """Hold a run directory and what `train --json` said."""

    path: Path
    said: dict[str, Any]
    config: Path


def train_once(folder: Path, text: str, *options: object) -> Run:
    """Train what a config describes with the command line."""
    config = folder / "net.ini"
    config.write_text(text, encoding="utf-8")
    words = ("train", "--config", config, "--run-dir", folder / "run", "--json", *options)
    return Run(folder / "run", json.loads(succeed(*words).out), config)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train three classes of small pictures."""
    folder = tmp_path_factory.mktemp("tiny")
    write_idx_folder(folder / "pictures", draw_dataset(test=50))
    return train_once(folder, NET + TRAIN)


@pytest.fixture(scope="session")
def digit_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train a linear network on ten classes of 28×28 pictures: bars at ten heights."""
    folder = tmp_path_factory.mktemp("digits")
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 10
    images = np.zeros((400, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 + 2 * label : 6 + 2 * label, 4:24] = rng.integers(150, 256, (2, 20))
    samples = Samples(images, labels.astype(np.int64))
    dataset = Dataset("idx", samples, samples, tuple("0123456789"))
    write_idx_folder(folder / "pictures", dataset)
    layers = "[model]\nlayers =\n    flatten\n    linear 10\n"
    return train_once(folder, NET.partition("[model]")[0] + layers + TRAIN)


@pytest.fixture(scope="session")
def mnist_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train a perceptron on 5,000 pictures of MNIST for one epoch."""
    if not MNIST_FILES.is_dir():
        pytest.skip("needs the data sets beside the project")
    folder = tmp_path_factory.mktemp("mnist")
    words = ("train", "--config", "mlp", "--set", "data.validation=55000", "--epochs", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BPNET_DATA_DIR", str(MNIST_FILES))
        answer = succeed(*words, "--run-dir", folder / "run", "--json")
    return Run(folder / "run", json.loads(answer.out), folder)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Open pages in headless Chromium."""
    if DRIVER is None:
        pytest.skip("needs chromium and chromium-driver")
    opened = open_browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.quit()


@pytest.fixture
def global_random_state() -> Iterator[None]:
    """Make sure that a test draws nothing from random state that everybody shares."""
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
    yield
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index] # noqa: NPY002


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory with a config and its pictures."""
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    (tmp_path / TINY).write_text(NET + TRAIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/opt/bpnet"])
    return tmp_path
