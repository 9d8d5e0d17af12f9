"""Digits without end: each follows from its number alone, and none comes twice."""

from pathlib import Path

import numpy as np
import pytest

from bpnet.config.settings import Config
from bpnet.data import load as module
from bpnet.data.endless import BLOCK, EndlessDigits
from bpnet.data.load import dataset_at_hand, load_dataset
from bpnet.data.split import order_of_epoch, samples_per_epoch, split_samples
from bpnet.errors import ConfigError
from tests.helpers.endless import TEXT
from tests.helpers.tiny import fail, read_config

DIGITS = EndlessDigits(seed=1, variety=1.0, repeat=600)
KEPT = 60  # pictures by which all are measured, in these tests


@pytest.fixture(autouse=True)
def _few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEASURED", KEPT)


def config_of(*overrides: str) -> Config:
    return read_config(TEXT, *overrides)


def test_a_block_follows_from_its_number_the_seed_and_the_variety() -> None:
    images, labels = DIGITS.draw(7)
    again, same_labels = EndlessDigits(1, 1.0, repeat=20).draw(7)
    np.testing.assert_array_equal(again, images)
    np.testing.assert_array_equal(same_labels, labels)
    assert images.shape == (BLOCK, 28, 28)
    assert images.dtype == np.uint8
    for other in (DIGITS.draw(8), EndlessDigits(2, 1.0, 600).draw(7)):
        assert (other[1] != labels).any()
        assert (other[0] != images).any()
    varied, same_labels = EndlessDigits(1, 0.5, 600).draw(7)
    np.testing.assert_array_equal(same_labels, labels)
    assert (varied != images).any()


def test_every_block_has_each_digit_equally_often_in_an_order_of_its_own() -> None:
    orders = [DIGITS.draw(block)[1] for block in range(3)]
    for labels in orders:
        assert np.bincount(labels).tolist() == [BLOCK // 10] * 10
    assert (orders[0] != orders[1]).any()
    assert (orders[1] != orders[2]).any()


def test_no_picture_comes_twice_nor_is_one_of_those_that_are_kept(tmp_path: Path) -> None:
    dataset = load_dataset(config_of(), tmp_path)
    blocks = [DIGITS.draw(block)[0] for block in range(2 * DIGITS.repeat // BLOCK + 1)]
    pictures = [image.tobytes() for images in blocks for image in images]
    kept = [image.tobytes() for part in (dataset.train, dataset.test) for image in part.inputs]
    assert len({*pictures, *kept}) == len(pictures) + len(kept)


def test_validation_and_test_are_kept_and_training_is_not(tmp_path: Path) -> None:
    assert dataset_at_hand(config_of(), tmp_path) is None
    config = config_of()
    dataset = load_dataset(config, tmp_path)
    assert dataset.endless == DIGITS
    assert (len(dataset.train), len(dataset.test)) == (KEPT + 20, 10)
    measured, validation = split_samples(config, dataset)
    assert (len(measured), len(validation)) == (KEPT, 20)
    assert samples_per_epoch(config, dataset) == 600
    again = dataset_at_hand(config, tmp_path)
    assert again is not None
    assert again.endless == DIGITS
    assert again.fingerprint() == dataset.fingerprint()


def test_the_fingerprint_knows_digits_without_end(tmp_path: Path) -> None:
    dataset = load_dataset(config_of(), tmp_path)
    with_end = load_dataset(config_of(f"data.synthetic_train={KEPT + 20}"), tmp_path)
    np.testing.assert_array_equal(with_end.train.inputs, dataset.train.inputs)
    assert with_end.endless is None
    longer = load_dataset(config_of("data.repeat=700"), tmp_path)
    others = load_dataset(config_of("data.synthetic_seed=2"), tmp_path)
    assert longer.fingerprint() == dataset.fingerprint()
    assert len({data.fingerprint() for data in (dataset, with_end, others)}) == 3


def test_epochs_take_the_digits_as_they_are_drawn(tmp_path: Path) -> None:
    dataset = load_dataset(config_of(), tmp_path)
    numbers = np.arange(600)
    for epoch in (0, 5):
        np.testing.assert_array_equal(order_of_epoch(dataset, numbers, 1, epoch), numbers)


# --- Settings


@pytest.mark.parametrize("size", ["1", "9", "-1", "no"])
def test_a_few_digits_are_neither_none_nor_enough(size: str) -> None:
    message = fail(2, "train", "quickstart", "--dry-run", "--set", f"data.synthetic_train={size}")
    assert "[data] synthetic_train expects 0, or a whole number of at least 10" in message


@pytest.mark.parametrize("repeat", ["9", "1000001"])
def test_an_epoch_has_its_bounds(repeat: str) -> None:
    message = fail(2, "train", "quickstart", "--dry-run", "--set", f"data.repeat={repeat}")
    assert "[data] repeat expects a whole number of at least 10 and at most 1,000,000" in message


def test_not_every_number_of_digits_is_drawn_to_validate_on() -> None:
    settings = ("--set", "data.synthetic_train=0", "--set", "data.validation=1000001")
    message = fail(2, "train", "quickstart", "--dry-run", *settings)
    assert "at most 1,000,000 digits are drawn to validate on" in message


@pytest.mark.parametrize("dataset", ["mnist", "idx"])
def test_other_data_sets_take_no_notice(dataset: str, tmp_path: Path) -> None:
    overrides = (f"data.dataset={dataset}", f"data.path={tmp_path}", "data.synthetic_train=0")
    assert not read_config("", *overrides).data.is_endless


def test_class_names_fit_digits_without_end(tmp_path: Path) -> None:
    names = tuple("abcdefghij")
    dataset = load_dataset(config_of(f"data.class_names={','.join(names)}"), tmp_path)
    assert dataset.class_names == names
    assert dataset.endless == DIGITS
    with pytest.raises(ConfigError, match="class names do not fit"):
        load_dataset(config_of("data.class_names=a, b"), tmp_path)
