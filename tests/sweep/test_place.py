"""The folder of a sweep: whose it is, and for how long its runs may go on."""

from dataclasses import replace
from pathlib import Path

import pytest

from bpnet.errors import CheckpointError, ConfigError
from bpnet.sweep.child import outcome_of
from bpnet.sweep.permit import new_permit
from bpnet.sweep.place import claimed_folder
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.task import Task, do
from bpnet.version import __version__
from tests.helpers.run_folders import write_run
from tests.helpers.sweeps import sweep_file


def test_the_order_of_what_is_varied_must_stay(here: Path) -> None:
    rates, sizes = "optimizer.learning_rate = 0.01, 0.1\n", "train.batch_size = 8, 16\n"
    with claimed_folder(here / "out", read_sweep(sweep_file(here, rates + sizes))):
        pass
    with claimed_folder(here / "out", read_sweep(sweep_file(here, rates + sizes))):
        pass
    with (
        pytest.raises(ConfigError, match="other settings") as raised,
        claimed_folder(here / "out", read_sweep(sweep_file(here, sizes + rates))),
    ):
        pass
    assert "lists optimizer.learning_rate, train.batch_size there" in str(raised.value)


def test_one_process_works_at_a_sweep(here: Path) -> None:
    sweep = read_sweep(sweep_file(here))
    write_run(here / "run")
    with (
        claimed_folder(here / "out", sweep) as folder,
        pytest.raises(CheckpointError, match="another process works at this sweep"),
        claimed_folder(folder, sweep),
    ):
        pass
    with (
        pytest.raises(CheckpointError, match="this is one run"),
        claimed_folder(here / "run", sweep),
    ):
        pass


@pytest.mark.parametrize("name", ["config.ini", "environment.json", "sweep.ini"])
def test_files_of_the_user_are_not_overwritten(here: Path, name: str) -> None:
    sweep = read_sweep(sweep_file(here))
    (here / "out").mkdir()
    (here / "out" / name).write_text("[train]\nepochs = 3\n", encoding="utf-8")
    with (
        pytest.raises(CheckpointError, match="would overwrite") as raised,
        claimed_folder(here / "out", sweep),
    ):
        pass
    assert raised.value.parts["found"] == name
    assert [one.name for one in (here / "out").iterdir()] == [name]
    assert (here / "out" / name).read_text("utf-8") == "[train]\nepochs = 3\n"


def test_a_sweep_of_the_user_beside_its_config_is_not_overwritten(here: Path) -> None:
    config, own = here / "config.ini", here / "sweep.ini"
    (here / "tiny.ini").rename(config)
    own.write_text(sweep_file(here).read_text("utf-8").replace("tiny.ini", "config.ini"), "utf-8")
    before = config.read_bytes(), own.read_bytes()
    with (
        pytest.raises(CheckpointError, match="would overwrite") as raised,
        claimed_folder(here, read_sweep(own)),
    ):
        pass
    assert raised.value.parts["found"] == "config.ini, sweep.ini"
    assert before == (config.read_bytes(), own.read_bytes())


@pytest.mark.parametrize("missing", [("sweep.ini",), ("sweep.ini", "config.ini")])
def test_an_interrupted_beginning_goes_on(here: Path, missing: tuple[str, ...]) -> None:
    sweep = read_sweep(sweep_file(here))
    with claimed_folder(here / "out", sweep) as folder:
        pass
    for name in missing:
        (folder / name).unlink()
    with claimed_folder(folder, sweep):
        assert (folder / "sweep.ini").is_file()
    assert (folder / "config.ini").is_file()


def without(path: Path, key: str) -> None:
    """Write a file as a version that did not know a key has written it."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(f"{key} =")]
    assert len(kept) == len(lines) - 1
    path.write_text("".join(kept), encoding="utf-8")


def test_a_sweep_of_an_earlier_version_goes_on(here: Path) -> None:
    sweep = read_sweep(sweep_file(here))
    with claimed_folder(here / "out", sweep) as folder:
        pass
    without(folder / "config.ini", "momentum")
    without(folder / "sweep.ini", "goal")
    for again in (sweep, read_sweep(folder / "sweep.ini", folder / "config.ini")):
        with claimed_folder(folder, again):
            pass
    other = read_sweep(sweep_file(here, fixed="optimizer.momentum = 0.5"))
    with (
        pytest.raises(ConfigError, match="other settings") as raised,
        claimed_folder(folder, other),
    ):
        pass
    assert "optimizer.momentum is 0.9 there, but 0.5 now" in str(raised.value)


def task_of(folder: Path, permit: Path) -> Task:
    where = (str(folder / "trial001-seed1"), str(folder / "config.ini"))
    return Task(*where, ("train.seed=1",), None, "", permit=str(permit))


def test_runs_of_a_killed_sweep_lose_their_permit(here: Path) -> None:
    sweep = read_sweep(sweep_file(here))
    with claimed_folder(here / "out", sweep) as folder:
        permit = new_permit(folder)
    assert not permit.exists()
    left = new_permit(folder)  # as a killed sweep leaves it
    with claimed_folder(folder, sweep):
        assert do(task_of(folder, left))["state"] == "interrupted"
        assert not (folder / "trial001-seed1").exists()
        mine = new_permit(folder)
        steps = iter(range(5))

        def wish() -> bool:
            if next(steps, None) is None:
                mine.unlink(missing_ok=True)
            return not mine.exists()

        assert outcome_of(task_of(folder, mine), wish)["state"] == "interrupted"
    assert (folder / "trial001-seed1" / "last.npz").exists()


def test_a_machine_without_the_folder_says_so(here: Path) -> None:
    outcome = do(task_of(here / "none", here / "none" / "permit"))
    assert outcome["state"] == "failed"
    assert f"there is no {here / 'none'} on " in outcome["error"]


def test_a_machine_with_another_bpnet_says_so(here: Path) -> None:
    outcome = do(replace(task_of(here, here / "permit"), version="0.0.1"))
    assert outcome["state"] == "failed"
    assert f"has bpnet {__version__}, expected 0.0.1" in outcome["error"]
