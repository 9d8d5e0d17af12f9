"""A chunk is answered as it was cut, or not at all."""

from pathlib import Path

import numpy as np
import pytest

from bpnet.bulk.answering import Job, answer_elsewhere
from bpnet.bulk.lines import JSONL
from bpnet.bulk.picture_list import Chunk, Rows
from bpnet.errors import DataError
from bpnet.library.picture_reader import Wishes
from bpnet.model.checkpoint import load_checkpoint
from tests.conftest import Run
from tests.helpers.bars import bars


@pytest.mark.parametrize("side", [28, 40])
def test_an_array_that_is_shorter_on_a_worker_is_told(
    digit_run: Run, tmp_path: Path, side: int
) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, bars(5, side=side))
    checkpoint = load_checkpoint(digit_run.path / "best.npz", weights_only=True)
    job = Job(checkpoint, 1, Wishes(False, None, top=1, rows=False), fast=True, form=JSONL)
    assert answer_elsewhere(job, Chunk(0, Rows(str(path), 3, 5))).content.count(b"\n") == 2
    with pytest.raises(DataError, match="the array is another one") as caught:
        answer_elsewhere(job, Chunk(0, Rows(str(path), 3, 9)))
    assert "at least 9 pictures" in str(caught.value)
    assert "shared disk" in str(caught.value)
