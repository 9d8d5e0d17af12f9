"""The same bits on any number of ranks, with or without workers in each."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bpnet.model.checkpoint import load_checkpoint
from bpnet.training.ranks.ranks import ALONE
from bpnet.training.run import prepare_model
from bpnet.training.step.large_weight import large_weights
from tests.helpers.ranks import needs_mpi, run_on_ranks
from tests.helpers.ranks_program import CASES, config_of, train_all
from tests.helpers.runs import assert_same_run
from tests.helpers.tiny import draw_dataset, weights

PROGRAM = "tests.helpers.ranks_program"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the runs that one process has trained."""
    folder = tmp_path_factory.mktemp("alone")
    train_all(folder, ALONE)
    return folder


@needs_mpi
@pytest.mark.parametrize(("ranks", "workers"), [(4, 1), (2, 2)])
def test_any_number_of_ranks_gives_the_same_bits(
    tmp_path: Path, alone: Path, ranks: int, workers: int
) -> None:
    done = run_on_ranks(ranks, sys.executable, "-m", PROGRAM, tmp_path, workers, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for case in CASES:
        if case == "fast":  # which may round differently, and no more
            one, other = (load_checkpoint(place / case / "last.npz") for place in (alone, tmp_path))
            for name, array in one.arrays.items():
                np.testing.assert_allclose(array, other.arrays[name], rtol=0, atol=1e-3)
        else:
            assert_same_run(alone / case, tmp_path / case)


def test_the_cases_hold_what_they_are_for(alone: Path) -> None:
    model = prepare_model(config_of("large"), draw_dataset())
    assert large_weights(model.network, 16)
    assert np.isfinite(weights(load_checkpoint(alone / "units" / "last.npz").model())).all()
