"""What `scripts/check_ranks.py` demands of a run of which one rank was signalled."""

import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from tests.helpers.places import PROJECT

SAVED = "epoch 3/9\nbpnet: stopped at epoch 4, step 2; the run is saved\n  where: runs/one\n"
LAUNCHER = "prterun detected that one or more processes exited with non-zero status\n"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    yield import_module("check_ranks")
    sys.modules.pop("check_ranks", None)


@pytest.mark.parametrize(
    ("number", "code", "said", "faults"),
    [
        (signal.SIGTERM, 143, SAVED + LAUNCHER, 0),
        (signal.SIGTERM, 143, LAUNCHER, 0),
        (signal.SIGTERM, 1, SAVED, 1),
        (signal.SIGTERM, 137, SAVED, 1),
        (signal.SIGKILL, 137, LAUNCHER, 0),
        (signal.SIGKILL, 1, SAVED, 0),
        (signal.SIGKILL, 0, LAUNCHER, 1),
        (signal.SIGTERM, 143, SAVED + SAVED, 1),
        (signal.SIGKILL, None, SAVED + SAVED, 2),
    ],
)
def test_one_message_and_a_documented_code_are_demanded(
    script: Any, number: signal.Signals, code: int | None, said: str, faults: int
) -> None:
    assert len(script.faults_of(number, code, said)) == faults
