"""Which ranks can be seen from which, whatever their machines are called."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bpnet.training.ranks import neighbours as module
from bpnet.training.ranks.neighbours import Home, Place, is_there, neighbours, own_place

HERE = Home("localhost", "a boot", 7)


@pytest.mark.parametrize(
    "other",
    [
        Home("another", "a boot", 7),
        Home("localhost", "another", 7),
        Home("localhost", "a boot", 8),
    ],
)
def test_ranks_see_each_other_on_one_machine_and_in_one_process_space(other: Home) -> None:
    places = [Place(HERE, 10), Place(other, 11), Place(HERE, 12), Place(other, 10)]
    assert neighbours(places, 0) == {0: 10, 2: 12}
    assert neighbours(places, 3) == {1: 11, 3: 10}


def test_processes_of_this_machine_have_one_home() -> None:
    code = "from bpnet.training.ranks.neighbours import own_place; print(tuple(own_place().home))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = own_place()
    assert other.stdout.strip() == str(tuple(own.home))
    assert own.process == os.getpid()
    if sys.platform == "linux":
        assert own.home.boot
        assert own.home.space


def test_where_linux_tells_nothing_the_name_has_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BOOT", tmp_path / "none")
    home = own_place().home
    assert home == Home(home.host, "", 0)


def test_a_process_that_has_ended_is_not_there() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert not is_there(process.pid)
    assert is_there(os.getpid())
