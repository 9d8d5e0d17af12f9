"""`mpirun -n N bpnet predict`: one voice, the same answers, and a restart after a dead rank."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from bpnet.bulk.picture_list import FILES
from tests.conftest import Run
from tests.helpers.bars import bars
from tests.helpers.process_cases import eventually
from tests.helpers.ranks import needs_mpi, process_of, run_on_ranks, start_on_ranks
from tests.helpers.tiny import bpnet, command

SLOW = 3 * FILES  # pictures that are read one by one


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Work where there are two arrays: one that is answered quickly, and one that is not."""
    np.save(tmp_path / "quick.npy", bars(6_000))
    np.save(tmp_path / "slow.npy", bars(SLOW, side=40))
    return tmp_path


@needs_mpi
def test_ranks_print_the_answers_once_and_in_order(digit_run: Run, rows: Path) -> None:
    words = command("predict", "--checkpoint", digit_run.path, "slow.npy", "--csv")
    done = run_on_ranks(2, *words, cwd=rows)
    assert done.returncode == 0, done.stderr
    assert done.stdout == bpnet(*words[5:], cwd=rows).stdout
    assert done.stderr.count("checkpoint ") == 1


@needs_mpi
def test_a_dead_rank_ends_the_run_and_the_same_command_goes_on(digit_run: Run, rows: Path) -> None:
    words = command("predict", "--checkpoint", digit_run.path, "slow.npy", "quick.npy")
    process = start_on_ranks(2, *words, "-o", "out.jsonl", cwd=rows)
    part = rows / "out.jsonl.part"
    assert eventually(lambda: part.exists() and bool(part.stat().st_size), seconds=60)
    os.kill(process_of(1, rows), signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not (rows / "out.jsonl").exists()
    done = run_on_ranks(2, *words, "-o", "out.jsonl", cwd=rows)
    assert done.returncode == 0, done.stderr
    assert "are answered already" in done.stderr
    alone = bpnet(*words[5:], "-o", "alone.jsonl", cwd=rows)
    assert alone.returncode == 0, alone.stderr
    assert (rows / "out.jsonl").read_bytes() == (rows / "alone.jsonl").read_bytes()


@needs_mpi
def test_an_error_of_rank_0_is_that_of_all(rows: Path) -> None:
    for code, words in ((2, ("quick.npy", "-o", "x.txt")), (4, ("--checkpoint", "no", "x.png"))):
        done = run_on_ranks(2, *command("predict", *words), cwd=rows)
        assert done.returncode == code, done.stderr
        assert done.stderr.count("bpnet: ") == 1


def test_without_mpi4py_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "mpi4py").mkdir()  # found before the library, and none
    (tmp_path / "mpi4py" / "__init__.py").write_text("rc = type('rc', (), {})()\n", "utf-8")
    rank = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}
    done = bpnet("predict", "x.png", cwd=tmp_path, PYTHONPATH=f"{tmp_path}", **rank)
    assert done.returncode == 2
    assert "pip install" in done.stderr


@pytest.mark.parametrize("words", [("predict", "x.png"), ("train", "tiny.ini")])
def test_ranks_that_do_not_meet_are_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    package = tmp_path / "mpi4py"  # found before the library
    package.mkdir()
    (package / "__init__.py").write_text("rc = type('rc', (), {})()\n", "utf-8")
    world = "COMM_WORLD = type('World', (), {'Get_size': lambda world: 1})()\n"
    (package / "MPI.py").write_text(world, "utf-8")
    rank = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}
    done = bpnet(*words, cwd=tmp_path, PYTHONPATH=f"{tmp_path}", **rank)
    assert done.returncode == 2
    assert "the ranks do not meet" in done.stderr
    assert "2 ranks" in done.stderr
