"""Whether a data set is on this machine, judged by its files alone."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bpnet.data.files.catalogue import KNOWN
from bpnet.data.files.names import STEMS
from bpnet.data.load import load_dataset
from bpnet.data.presence import is_here
from bpnet.errors import DataError
from tests.helpers.tiny import NET, TABLE, draw_dataset, read_config, write_idx_folder

MNIST = NET.replace("dataset = idx\npath = pictures\n", "dataset = mnist\n")
DRAWN = ("data.synthetic_train=20", "data.synthetic_test=10", "data.validation=0")


def test_a_table_is_always_here(tmp_path: Path) -> None:
    assert is_here(read_config(TABLE), tmp_path / "nowhere")


def test_a_folder_of_pictures_is_here_with_its_files(tmp_path: Path) -> None:
    config = read_config(NET, folder=tmp_path)
    assert not is_here(config)
    (tmp_path / "pictures").mkdir()
    assert not is_here(config)
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    assert is_here(config)
    assert is_here(config, tmp_path)
    assert not is_here(config, tmp_path / "nowhere")
    (tmp_path / "pictures" / STEMS[2]).unlink()
    assert is_here(config)  # loading tells what is missing
    with pytest.raises(DataError):
        load_dataset(config)


def test_an_imported_data_set_is_here_by_its_name(tmp_path: Path) -> None:
    config = read_config(NET, "data.dataset=bars")
    assert not is_here(config, tmp_path)
    write_idx_folder(tmp_path / "bars", draw_dataset())
    assert is_here(config, tmp_path)


def test_mnist_is_here_with_all_four_files(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    for file in KNOWN["mnist"].files:
        assert not is_here(read_config(MNIST), tmp_path)
        (folder / f"{file.stem}.gz").touch()
    assert is_here(read_config(MNIST), tmp_path)
    assert not is_here(read_config(MNIST, "data.drawn=10"), tmp_path)
    assert not is_here(read_config(MNIST, "data.non_digits=10"), tmp_path)


def test_drawn_digits_are_here_once_drawn(tmp_path: Path) -> None:
    config = read_config(MNIST, "data.dataset=synthetic", *DRAWN)
    assert not is_here(config, tmp_path)
    load_dataset(config, tmp_path)
    assert is_here(config, tmp_path)
    other = read_config(MNIST, "data.dataset=synthetic", *DRAWN, "data.synthetic_seed=5")
    assert not is_here(other, tmp_path)


def test_endless_digits_are_here_with_those_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bpnet.data.load.MEASURED", 20)
    endless = ("data.synthetic_train=0", "data.synthetic_test=10", "data.validation=10")
    config = read_config(MNIST, "data.dataset=synthetic", *endless)
    assert not is_here(config, tmp_path)
    load_dataset(config, tmp_path)
    assert is_here(config, tmp_path)


def test_a_data_directory_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be the data directory"):
        is_here(read_config(MNIST), tmp_path / "file")


def forbid_reading(monkeypatch: pytest.MonkeyPatch, private: Path) -> None:
    """Let what lies in a folder be closed to this user, as it is not to root."""

    def is_private(path: Any) -> bool:
        return isinstance(path, str | Path) and private in Path(path).parents

    def refusing(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(path: Any, *words: Any, **named: Any) -> Any:
            if is_private(path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return function(path, *words, **named)

        return called

    monkeypatch.setattr(os, "access", lambda path, mode: not is_private(path))
    monkeypatch.setattr(os, "stat", refusing(os.stat))
    monkeypatch.setattr(io, "open", refusing(io.open))


@pytest.mark.parametrize("private", ["data", "data/mnist", "data/synthetic", ""])
def test_a_data_set_that_this_user_may_not_look_at_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private: str
) -> None:
    data_dir = tmp_path / "data"
    drawn = read_config(MNIST, "data.dataset=synthetic", *DRAWN)
    (data_dir / "mnist").mkdir(parents=True)
    load_dataset(drawn, data_dir)
    for file in KNOWN["mnist"].files:
        (data_dir / "mnist" / file.stem).touch()
    imported = read_config(MNIST, "data.dataset=bars")
    write_idx_folder(data_dir / "bars", draw_dataset())
    configs = {"synthetic": drawn, "mnist": read_config(MNIST), "bars": imported}
    assert all(is_here(config, data_dir) for config in configs.values())
    forbid_reading(monkeypatch, tmp_path / private)
    seen = {"data/mnist": {"synthetic", "bars"}, "data/synthetic": {"mnist", "bars"}}
    here = {name for name, config in configs.items() if is_here(config, data_dir)}
    assert here == seen.get(private, set())


def test_files_that_this_user_may_not_read_are_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    drawn = read_config(MNIST, "data.dataset=synthetic", *DRAWN)
    load_dataset(drawn, tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert not is_here(read_config(NET, folder=tmp_path))
    assert not is_here(drawn, tmp_path)
    assert is_here(read_config(TABLE), tmp_path)


def test_loading_drawn_digits_that_this_user_may_not_read_fails_and_draws_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = read_config(MNIST, "data.dataset=synthetic", *DRAWN)
    load_dataset(drawn, tmp_path)
    forbid_reading(monkeypatch, tmp_path / "synthetic")
    with pytest.raises(DataError, match="cannot read the file"):
        load_dataset(drawn, tmp_path)
