"""A dry run checks what it can, and writes nothing."""

import json
from pathlib import Path

import platformdirs
import pytest

from bpnet.config.loading import load_config
from bpnet.data.load import load_dataset
from tests.helpers.tiny import fail, succeed


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    own = tmp_path / "own"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *args, **options: own)
    monkeypatch.chdir(tmp_path)
    return own


@pytest.mark.parametrize("preset", ["mlp", "fashion", "best", "quickstart", "chain", "nielsen"])
def test_without_the_data_the_config_is_checked(cache: Path, preset: str) -> None:
    answer = succeed("train", "--config", preset, "--dry-run", "--json", "--run-dir", "new")
    assert json.loads(answer.out)["parameters"] > 0
    assert ("training" in answer.err) == (preset != "chain")
    assert list(cache.parent.iterdir()) == []


def test_the_command_that_fetches_the_data_is_named(cache: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("named").mkdir()
    words = ("train", "--config", "mlp", "--dry-run", "--data-dir", tmp_path / "named")
    assert f"data fetch mnist --data-dir {tmp_path / 'named'}\n" in succeed(*words).err
    assert list((tmp_path / "named").iterdir()) == []


def test_a_named_directory_must_exist(cache: Path, tmp_path: Path) -> None:
    for more in ((), ("--dry-run",)):
        words = ("train", "--config", "mlp", "--data-dir", tmp_path / "typo" / "data", *more)
        assert "does not exist" in fail(3, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_in_a_named_directory_is_an_error(cache: Path, tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.mkdir()
    (named / "train-images-idx3-ubyte").write_bytes(b"damaged")
    message = fail(3, "train", "--config", "mlp", "--dry-run", "--data-dir", named)
    assert "not an IDX file" in message


def test_digits_that_are_drawn_already_are_checked(cache: Path) -> None:
    sizes = ("data.synthetic_train=30", "data.synthetic_test=20")
    load_dataset(load_config("quickstart", sizes))
    words = ("train", "--config", "quickstart", "--dry-run", "--set", sizes[0], "--set", sizes[1])
    assert succeed(*words, "--set", "data.validation=10").err == ""
    assert "no sample to train on" in fail(3, *words, "--set", "data.validation=30")


def test_a_network_that_cannot_be_split_is_found(cache: Path) -> None:
    words = ("train", "--config", "lenet5", "--dry-run", "--set", "train.split=units")
    assert "units" in fail(2, *words)


def test_a_directory_that_would_be_refused_is_named(here: Path) -> None:
    (here / "exp").mkdir()
    (here / "exp" / "metrics.jsonl").write_text("mine")
    words = ("train", "--config", "tiny.ini", "--dry-run", "--run-dir", "exp")
    assert "metrics.jsonl" in fail(4, *words)
