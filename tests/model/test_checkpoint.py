"""Checkpoints: whole or refused, with the reason, and never half-written."""

import errno
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.writer import format_config
from bpnet.errors import CheckpointError
from bpnet.model.checkpoint import Checkpoint, load_checkpoint
from bpnet.nn.parameters import FlatArrays
from bpnet.training.resume import load_for_resume
from tests.helpers.forged import save_unchecked
from tests.helpers.tiny import LAYERS, NET, TRAIN, read_config, train, weights

EMA_ADAM = ("train.ema=0.9", "optimizer.name=adam", "train.epochs=1")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(read_config(NET + TRAIN, *EMA_ADAM), folder)
    return folder


@pytest.fixture
def path(run_dir: Path, tmp_path: Path) -> Path:
    """Return a good checkpoint that may be damaged."""
    copy = tmp_path / "last.npz"
    copy.write_bytes((run_dir / "last.npz").read_bytes())
    return copy


def refused(path: Path) -> str:
    """Return the message with which a file is refused."""
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert caught.value.exit_code == 4
    assert str(path) in str(caught.value)
    return str(caught.value)


def entries(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as file:
        return dict(file)


def as_array(record: object) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(record).encode(), dtype=np.uint8)


# What is saved comes back


def test_everything_that_was_saved_comes_back(run_dir: Path) -> None:
    trainer = train(read_config(NET + TRAIN, *EMA_ADAM), run_dir.with_name("again"))
    checkpoint = load_checkpoint(run_dir / "last.npz")
    assert checkpoint.groups() == {"parameters", "averaged", "optimizer"}
    assert checkpoint.config() == trainer.config
    model = checkpoint.model(averaged=False)
    np.testing.assert_array_equal(weights(model), weights(trainer.model))
    assert model.normalization == trainer.model.normalization
    assert model.class_names == ("0", "1", "2")


def test_the_averaged_weights_are_those_that_are_used(run_dir: Path) -> None:
    checkpoint = load_checkpoint(run_dir / "last.npz")
    for name, view in checkpoint.model().network.parameters.views.items():
        np.testing.assert_array_equal(view, checkpoint.arrays[f"averaged/parameters/{name}"])
    assert not np.array_equal(
        weights(checkpoint.model()), weights(checkpoint.model(averaged=False))
    )


def test_the_file_is_a_plain_archive_with_the_usual_shapes(run_dir: Path) -> None:
    arrays = entries(run_dir / "last.npz")
    assert arrays["parameters/1.weight"].shape == (3, 1, 3, 3)
    assert arrays["parameters/5.weight"].shape == (3, 27)
    assert all(array.dtype != object for array in arrays.values())
    record = json.loads(arrays["record"].tobytes())
    assert set(record) == {
        *("format", "config", "input_shape", "outputs", "normalization", "class_names"),
        *("temperature", "preparation", "progress", "fingerprint", "random"),
    }
    groups = ("parameters/", "averaged/parameters/", "optimizer/mean/", "optimizer/square/")
    names = {f"{group}{name}" for group in groups for name in record_parameters(run_dir)}
    assert set(arrays) == {"record", "sha256", *names}  # and nothing that a writer slipped in


def record_parameters(run_dir: Path) -> list[str]:
    return list(load_checkpoint(run_dir / "last.npz").model().network.parameters.views)


def test_the_record_holds_the_place_of_the_run(run_dir: Path) -> None:
    progress = load_checkpoint(run_dir / "last.npz").record["progress"]
    assert (progress["epoch"], progress["batch"], progress["step"]) == (1, 0, 5)
    assert len(progress["history"]) == 1


# What is not whole is refused


def test_every_truncated_file_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for size in range(0, len(content), 97):
        path.write_bytes(content[:size])
        refused(path)


def test_no_flipped_byte_goes_unnoticed_or_unexplained(path: Path) -> None:
    """Flip bytes all over the file: what loads must be the very same arrays."""
    content = path.read_bytes()
    good = load_checkpoint(path)
    seen = 0
    for place in range(0, len(content), 37):
        for mask in (0x01, 0xFF):
            path.write_bytes(flipped(content, place, mask))
            try:
                found = load_checkpoint(path)
            except CheckpointError:
                seen += 1
            else:  # the archive's dates and the like
                assert found.record == good.record
                for name, array in good.arrays.items():
                    np.testing.assert_array_equal(found.arrays[name], array)
    assert seen > len(content) // 37


def flipped(content: bytes, place: int, mask: int) -> bytes:
    return content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :]


def test_an_altered_weight_is_noticed_though_the_archive_is_whole(path: Path) -> None:
    arrays = entries(path)
    arrays["parameters/1.weight"].view(np.uint8).reshape(-1)[0] ^= 1
    np.savez(path, **arrays)  # type: ignore[arg-type]
    assert "was altered after it was written" in refused(path)


def test_an_altered_record_is_noticed(path: Path) -> None:
    arrays = entries(path)
    record = json.loads(arrays["record"].tobytes())
    record["progress"]["seconds"] += 7
    np.savez(path, **(arrays | {"record": as_array(record)}))  # type: ignore[arg-type]
    assert "was altered after it was written" in refused(path)


def test_an_array_under_another_name_or_shape_is_noticed(path: Path) -> None:
    arrays = entries(path)
    renamed = arrays | {"parameters/9.weight": arrays["parameters/1.weight"]}
    del renamed["parameters/1.weight"]
    reshaped = arrays | {"parameters/1.weight": arrays["parameters/1.weight"].reshape(3, 9)}
    for changed, found in ((renamed, "no such array"), (reshaped, "<f4 of shape (3, 9)")):
        np.savez(path, **changed)  # type: ignore[arg-type]
        message = refused(path)
        assert "belong to another network" in message
        assert f"found: 1.weight: {found}" in message


def test_a_newer_format_is_refused_with_a_hint(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    save_unchecked(path, checkpoint.record | {"format": 2}, checkpoint.arrays)
    message = refused(path)
    assert "expected: format 1 or older\n  found: format 2\n  try: update bpnet" in message


@pytest.mark.parametrize("record", [[], {}, {"format": "1"}, {"format": 1, "config": ""}])
def test_a_record_that_is_none_is_refused(path: Path, record: Any) -> None:
    save_unchecked(path, record, {})
    assert "record" in refused(path)


@pytest.mark.parametrize(("key", "value"), [("input_shape", 7), ("class_names", None)])
def test_a_record_with_a_value_of_another_kind_is_refused(
    path: Path, key: str, value: object
) -> None:
    checkpoint = load_checkpoint(path)
    save_unchecked(path, checkpoint.record | {key: value}, checkpoint.arrays)
    assert key in refused(path)


@pytest.mark.parametrize("progress", ["far", {"miles": 3}])
def test_a_progress_that_is_none_is_refused(path: Path, progress: object) -> None:
    checkpoint = load_checkpoint(path)
    save_unchecked(path, checkpoint.record | {"progress": progress}, checkpoint.arrays)
    assert "progress" in refused(path)


def test_a_progress_of_another_version_is_refused_where_the_run_goes_on(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    progress = checkpoint.record["progress"] | {"miles": 3}
    save_unchecked(path, checkpoint.record | {"progress": progress}, checkpoint.arrays)
    load_checkpoint(path).model()
    with pytest.raises(CheckpointError, match="how far the run came"):
        load_for_resume(path, None, (), None)


class Trap:
    """Make a file when it is unpickled."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.sprung,))


def test_pickles_are_never_loaded(path: Path, tmp_path: Path) -> None:
    trap = Trap(tmp_path / "sprung")
    path.write_bytes(pickle.dumps(trap))
    assert "a pickle, which could run any code" in refused(path)
    np.save(path.with_suffix(".npy"), np.array([trap], dtype=object), allow_pickle=True)
    path.with_suffix(".npy").rename(path)
    assert "cannot be read" in refused(path)
    np.savez(path, record=np.array([trap], dtype=object), sha256=np.zeros(32, np.uint8))
    assert "pickled objects, which are never loaded" in refused(path)
    assert not trap.sprung.exists()
    pickle.loads(pickle.dumps(trap))
    assert trap.sprung.exists()


def test_other_files_are_refused(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"")
    assert "an empty file" in refused(path)
    path.write_text("hello", encoding="utf-8")
    assert "a file of another kind" in refused(path)
    np.savez(path, weight=np.zeros(3))
    assert "not a bpnet checkpoint" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("record", "{}")
        archive.writestr("sha256", "0")
    refused(path)
    assert "a directory" in refused(tmp_path)
    assert "no such file" in refused(tmp_path / "none.npz")


def test_a_file_that_may_not_be_read_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*args: object, **options: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    monkeypatch.setattr("io.open", deny)
    assert "Permission denied" in refused(path)


# Another network


def test_weights_of_another_network_are_refused(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    wider = format_config(read_config(NET.replace("conv 3", "conv 4") + TRAIN))
    other = Checkpoint(path, checkpoint.record | {"config": wider}, checkpoint.arrays)
    with pytest.raises(CheckpointError, match="belong to another network") as caught:
        other.model()
    assert "(3, 1, 3, 3)" in str(caught.value)
    assert "(4, 1, 3, 3)" in str(caught.value)


def test_a_config_that_is_not_understood_is_refused(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    checkpoint.record["config"] = "[train]\nepoch = 3\n"
    with pytest.raises(CheckpointError, match="config is not understood"):
        checkpoint.model()
    checkpoint.record["config"] = f"[model]{LAYERS}    linear 7\n"
    with pytest.raises(CheckpointError, match="network cannot be built"):
        checkpoint.model()


def test_missing_arrays_are_refused(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    with pytest.raises(CheckpointError, match="belong to another network"):
        checkpoint.restore("optimizer/velocity", FlatArrays({"1.bias": (3,)}, np.float32))
