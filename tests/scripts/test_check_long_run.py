"""A run takes no more and more, and leaves nothing; `scripts/check_long_run.py` at length."""

import gc
import mmap
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.places import PROJECT
from tests.helpers.process_cases import fork
from tests.helpers.runs import RICH
from tests.helpers.tiny import draw_dataset, read_config

EPOCHS = 4

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells all of this")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    module = import_module("check_long_run")
    monkeypatch.setattr(module, "SHARED_FILES", tmp_path / "none")  # other programs use it as well
    yield module
    sys.modules.pop("check_long_run", None)


def measure(script: Any, folder: Path, watch: Any = None) -> Any:
    """Train for a few epochs in two processes."""
    gc.collect()  # what other tests have left must not be freed while memory is watched
    config = read_config(RICH, f"train.epochs={EPOCHS}", "train.workers=2")
    return script.measure(config, draw_dataset(), folder, watch or script.MemoryWatch())


def test_a_run_leaves_nothing_and_does_not_grow(script: Any, tmp_path: Path) -> None:
    usage = measure(script, tmp_path)
    assert usage.left == []
    assert len(usage.memory.bytes) == EPOCHS
    assert usage.memory.growth < script.MOST_GROWTH
    assert 0 < usage.metrics_bytes < EPOCHS * 500


def test_memory_that_grows_is_seen(script: Any, tmp_path: Path) -> None:
    kept = []

    class Leak(script.MemoryWatch):  # type: ignore[misc]
        def epoch_ended(self, record: dict[str, Any]) -> None:
            kept.append(np.ones(1 << 18))  # 2 MB
            super().epoch_ended(record)

    assert measure(script, tmp_path, Leak()).memory.growth >= script.MOST_GROWTH


def test_what_is_left_is_seen(script: Any, tmp_path: Path) -> None:
    ended = threading.Event()
    kept: list[Any] = []

    class Leak(script.MemoryWatch):  # type: ignore[misc]
        def epoch_ended(self, record: dict[str, Any]) -> None:
            if record["epoch"] > 1:
                return
            kept.append((tmp_path / "run" / "config.ini").open())
            kept.append(threading.Thread(target=ended.wait, name="leak"))
            kept[-1].start()
            kept.append(mmap.mmap(-1, 4096))
            os.close(tempfile.mkstemp()[0])
            (tmp_path / "run" / ".last.npz.1.tmp").touch()
            children.append(fork(ended.wait))

    children: list[int] = []
    try:
        left = measure(script, tmp_path, Leak()).left
    finally:
        ended.set()
        kept[0].close()
        kept[1].join()
        kept[2].close()
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
    words = [" ".join(line.split()[:2]) for line in left]
    assert {"descriptor of", "thread leak", "child process", "shared memory"} <= set(words)
    assert sum(line.startswith("file ") for line in left) == 2
