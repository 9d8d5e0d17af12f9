"""New runs that begin with old weights."""

from pathlib import Path

import numpy as np
import pytest

from bpnet.config.settings import Config
from bpnet.errors import CheckpointError, DivergedError
from bpnet.model.checkpoint import Checkpoint, load_checkpoint
from bpnet.model.model import Model
from bpnet.training.run import prepare_model
from bpnet.training.saving import save_checkpoint
from bpnet.training.transfer import load_for_transfer, take_weights
from tests.helpers.runs import RICH
from tests.helpers.tiny import draw_dataset, read_config, train

LAYERS = "conv 4 kernel=3, batchnorm, relu, maxpool 2, dropout 0.2, flatten, linear 3"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Train a network with batch normalisation and averaged weights."""
    folder = tmp_path_factory.mktemp("old")
    train(read_config(RICH), folder)
    return load_checkpoint(folder / "last.npz")


def new_model(*overrides: str) -> tuple[Model, Config]:
    config = read_config(RICH, "train.seed=2", *overrides)
    return prepare_model(config, draw_dataset()), config


def test_all_weights_and_statistics_of_the_same_network_are_taken(old: Checkpoint) -> None:
    model, _ = new_model()
    transfer = take_weights(model.network, old)
    averaged, last = old.model().network, old.model(averaged=False).network
    assert np.array_equal(model.network.parameters.flat, averaged.parameters.flat)
    assert np.array_equal(model.network.state.flat, averaged.state.flat)
    assert not np.array_equal(averaged.parameters.flat, last.parameters.flat)
    assert (transfer.anew, transfer.left) == ([], [])
    assert str(transfer).startswith("taken: 1.weight, 1.bias, 2.weight, 2.bias, 7.weight, 7.bias")


def test_what_does_not_fit_starts_as_usual_and_is_told(old: Checkpoint) -> None:
    layers = f"model.layers={LAYERS.replace('linear 3', 'linear 5')}"
    config = read_config(RICH, "train.seed=2", layers)
    data = draw_dataset()
    data.train.targets[:5] = np.arange(5)
    wider = type(data)("idx", data.train, data.test, tuple("01234"))
    model = prepare_model(config, wider)
    before = model.network.parameters.views["7.weight"].copy()
    transfer = take_weights(model.network, old)
    assert "7.weight (5, 36) instead of (3, 36)" in str(transfer)
    assert "1.weight" in transfer.taken
    assert np.array_equal(model.network.parameters.views["7.weight"], before)


def test_a_layer_of_another_kind_takes_nothing_even_if_shapes_agree(old: Checkpoint) -> None:
    layers = LAYERS.replace("batchnorm", "conv 4 kernel=1")
    model, _ = new_model(f"model.layers={layers}")
    transfer = take_weights(model.network, old)
    assert "2.bias (conv instead of batchnorm)" in transfer.anew
    assert "2.running_mean" in transfer.left
    assert transfer.taken == ["1.weight", "1.bias", "7.weight", "7.bias"]


def test_layers_that_the_old_network_lacks_start_as_usual(old: Checkpoint) -> None:
    model, _ = new_model(f"model.layers={LAYERS}, relu, linear 3")
    transfer = take_weights(model.network, old)
    assert transfer.anew == ["9.weight", "9.bias"]
    assert {"1.weight", "7.weight"} <= set(transfer.taken)


def test_a_bias_that_the_old_layer_lacks_starts_as_usual(tmp_path: Path) -> None:
    bare = f"model.layers={LAYERS.replace('conv 4 kernel=3', 'conv 4 kernel=3 bias=no')}"
    train(read_config(RICH, bare), tmp_path)
    model, _ = new_model()
    transfer = take_weights(model.network, load_checkpoint(tmp_path / "last.npz"))
    assert transfer.anew == ["1.bias"]
    assert "1.weight" in transfer.taken


def test_a_checkpoint_of_which_nothing_fits_is_refused(old: Checkpoint) -> None:
    model, _ = new_model("model.layers=flatten, linear 3")
    with pytest.raises(CheckpointError, match="none of the checkpoint's weights fits") as caught:
        take_weights(model.network, old)
    assert "2.weight (linear instead of batchnorm)" in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(
    old: Checkpoint, tmp_path: Path, value: float
) -> None:
    arrays = {name: array.copy() for name, array in old.arrays.items()}
    arrays["averaged/parameters/7.bias"][0] = value
    save_checkpoint(tmp_path / "lost.npz", old.record, arrays)
    with pytest.raises(DivergedError, match="have diverged"):
        take_weights(new_model()[0].network, load_checkpoint(tmp_path / "lost.npz"))


def test_the_config_is_that_of_the_weights_unless_another_is_given(
    old: Checkpoint, tmp_path: Path
) -> None:
    config, _ = load_for_transfer(old.path, None, ("train.seed=9",))
    assert config.train.seed == 9
    assert config.train.ema == 0.9
    (tmp_path / "other.ini").write_text(RICH.replace("ema = 0.9", "ema = 0.5"))
    config, checkpoint = load_for_transfer(old.path.parent, str(tmp_path / "other.ini"), ())
    assert config.train.ema == 0.5
    assert checkpoint.path.name == "best.npz"


def test_a_checkpoint_whose_config_is_not_understood_is_refused_at_once(
    old: Checkpoint, tmp_path: Path
) -> None:
    path, other = tmp_path / "odd.npz", tmp_path / "other.ini"
    save_checkpoint(path, old.record | {"config": "[train]\nepoch = 3\n"}, old.arrays)
    other.write_text(RICH)
    with pytest.raises(CheckpointError, match="not understood"):
        load_for_transfer(path, str(other), ())
