"""`bpnet predict --scheduler`: a worker that is killed costs no answer, and doubles none."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bpnet.bulk.answer_file import AnswerFile
from bpnet.bulk.answering import Done, demand_shared
from bpnet.bulk.picture_list import FILES
from bpnet.errors import DataError
from tests.conftest import Run
from tests.helpers.bars import bars
from tests.helpers.tiny import call, fail, succeed

KILLED_AFTER = 3  # chunks
SLOW = 5 * FILES
QUICK = 2_100  # more than a chunk


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("slow.npy", bars(SLOW, side=40))
    np.save("quick.npy", bars(QUICK))
    Image.fromarray(bars(1)[0]).save("one.png")
    Path("damaged.png").write_bytes(b"no picture")
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
@pytest.mark.filterwarnings("ignore")  # those of Dask's own processes
def test_a_cluster_answers_as_one_machine_does_although_a_worker_is_killed(
    digit_run: Run, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")
    words = ("predict", "--checkpoint", digit_run.path, "slow.npy", "damaged.png", "quick.npy")
    assert call(*words, "one.png", "-o", "alone.jsonl").code == 3
    options: dict[str, Any] = {"dashboard_address": None, "silence_logs": 60}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as local:
        victim = next(iter(local.workers.values())).pid
        append = AnswerFile.append
        chunks = []

        def watched(file: AnswerFile, content: bytes, count: int, unreadable: int) -> None:
            append(file, content, count, unreadable)
            chunks.append(count)
            if len(chunks) == KILLED_AFTER:
                os.kill(victim, signal.SIGKILL)

        monkeypatch.setattr(AnswerFile, "append", watched)
        address = ("--scheduler", local.scheduler_address)
        answer = call(*words, "one.png", "-o", "cluster.jsonl", *address)
        assert answer.code == 3
        assert f"1 of {SLOW + QUICK + 2:,} pictures" in answer.err
        printed = succeed("predict", "--checkpoint", digit_run.path, "one.png", *address).out
    assert len(chunks) > KILLED_AFTER
    assert Path("cluster.jsonl").read_bytes() == Path("alone.jsonl").read_bytes()
    assert printed == succeed("predict", "--checkpoint", digit_run.path, "one.png").out


def test_dask_is_asked_for(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpnet.cluster.find_spec", lambda name: None)
    message = fail(2, "predict", "one.png", "--scheduler", "tcp://x:1", "-o", "out.csv")
    assert "pip install distributed" in message
    assert not list(rows.glob("out*"))


@pytest.mark.parametrize("found", ["No such file or directory", "Permission denied"])
def test_a_picture_that_a_worker_cannot_open_ends_the_work(rows: Path, found: str) -> None:
    demand_shared(Done(1, "elsewhere", unopened={str(rows / "nowhere.png"): found}))
    with pytest.raises(DataError, match="a worker cannot open a picture") as caught:
        demand_shared(Done(1, "elsewhere", unopened={str(rows / "one.png"): found}))
    assert "elsewhere" in str(caught.value)
    assert found in str(caught.value)
    assert "shared disk" in str(caught.value)
