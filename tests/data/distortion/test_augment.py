"""The whole augmentation: what is drawn, what it depends on, and what settings allow."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.data_settings import AugmentConfig
from bpnet.config.reader import ConfigReader
from bpnet.data.distortion.augment import Augmenter
from bpnet.data.distortion.counter import sample_streams
from bpnet.data.distortion.draw import AT_A_TIME, draw_distortion, largest_stretch
from bpnet.data.distortion.elastic import NOISE_BITS, SPREAD_OF_ONES, UNIFORM_SPREAD, ElasticField
from bpnet.data.distortion.grid import AffineGrid
from bpnet.data.distortion.warp import LARGEST_SIDE, BilinearSampler
from bpnet.errors import ConfigError

Pictures = NDArray[np.uint8]
SAMPLES = 150
EXTREME = """[augment]
shift = 1000
rotate = 180
scale = 0.9
shear = 60
elastic_alpha = 10000
thickness = 2
flip = yes
"""
STRONG = AugmentConfig(
    shift=3, rotate=25, scale=0.2, shear=15, elastic_alpha=34, thickness=1.5, cutout=5, flip=True
)


def noise_pictures(count: int, shape: tuple[int, int] = (28, 28)) -> Pictures:
    """Return pictures of unrelated pixels, on which every misplaced pixel shows."""
    rng = np.random.default_rng(count + shape[0])
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8)


def disc_pictures(count: int, size: int = 28, radius: float = 6.0) -> Pictures:
    """Return smooth discs around the centre of the picture."""
    distance = np.hypot(*(np.indices((size, size)) - (size - 1) / 2))
    disc = np.clip(radius + 0.5 - distance, 0, 1) * 255
    return np.repeat(np.rint(disc)[None].astype(np.uint8), count, axis=0)


def run(
    settings: AugmentConfig,
    images: Pictures,
    numbers: NDArray[np.int64] | None = None,
    epoch: int = 0,
    seed: int = 1,
) -> Pictures:
    out = np.full_like(images, 99)
    numbers = np.arange(len(images)) if numbers is None else numbers
    samples = max(SAMPLES, len(images))
    augmenter = Augmenter(settings, (images.shape[1], images.shape[2]), seed, samples)
    augmenter(images, numbers, epoch, out)
    return out


def test_parameters_fill_their_ranges() -> None:
    settings = AugmentConfig(shift=2, rotate=10, scale=0.1, shear=8, thickness=0.6, cutout=4)
    drawn = draw_distortion(settings, sample_streams(3, 5, np.arange(20_000)))
    half_widths = [
        (drawn.affine.shift[:, 0], 0.0, 2.0),
        (drawn.affine.shift[:, 1], 0.0, 2.0),
        (np.degrees(drawn.affine.angle), 0.0, 10.0),
        (drawn.affine.scale, 1.0, 0.1),
        (np.degrees(drawn.affine.slant), 0.0, 8.0),
        (drawn.width_change, 0.0, 0.6),
        (drawn.cutout_centre[:, 0], 0.5, 0.5),
        (drawn.cutout_centre[:, 1], 0.5, 0.5),
    ]
    units = np.array([(values - middle) / half for values, middle, half in half_widths])
    tolerance = 4.5 / math.sqrt(units.shape[1])  # 4.5 standard deviations of a correlation
    for unit in units:
        assert -1 - 1e-6 <= unit.min() < -0.999
        assert 0.999 < unit.max() <= 1 + 1e-6
        assert abs(unit.mean()) < tolerance / math.sqrt(3)
        assert unit.std() == pytest.approx(1 / math.sqrt(3), rel=0.02)
    assert np.abs(np.corrcoef(units) - np.eye(len(units))).max() < tolerance


@pytest.mark.parametrize("shape", [(28, 28), (17, 31), (1, 5), (3, 130)])
def test_a_sample_is_the_same_in_every_batch(shape: tuple[int, int]) -> None:
    images = noise_pictures(SAMPLES, shape)
    whole = run(STRONG, images)
    order = np.random.default_rng(0).permutation(SAMPLES)
    assert np.array_equal(run(STRONG, images[order], order), whole[order])
    for first, last in ((0, 1), (7, 8), (31, 64), (149, 150)):
        numbers = np.arange(first, last)
        assert np.array_equal(run(STRONG, images[numbers], numbers), whole[numbers])


def test_epoch_seed_and_sample_change_the_picture() -> None:
    images = disc_pictures(2)
    first = run(STRONG, images)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(run(STRONG, images, epoch=1), first)
    assert not np.array_equal(run(STRONG, images, seed=2), first)


def test_one_setting_leaves_the_draws_of_the_others() -> None:
    streams = sample_streams(1, 0, np.arange(50))
    alone = draw_distortion(AugmentConfig(rotate=10), streams)
    together = draw_distortion(replace(STRONG, rotate=10), streams)
    assert np.array_equal(alone.affine.angle, together.affine.angle)


def test_a_larger_data_set_leaves_the_distortions_of_its_first_samples() -> None:
    images, numbers = noise_pictures(20), np.arange(AT_A_TIME - 10, AT_A_TIME + 10)
    of_small, of_large = np.empty_like(images), np.empty_like(images)
    Augmenter(STRONG, (28, 28), 1, AT_A_TIME + 10)(images, numbers, 0, of_small)
    Augmenter(STRONG, (28, 28), 1, 3 * AT_A_TIME)(images, numbers, 0, of_large)
    assert np.array_equal(of_small, of_large)


def test_flip_mirrors_about_every_second_picture_and_each_anew_in_every_epoch() -> None:
    images = noise_pictures(1000, (5, 7))
    flips = []
    for epoch in range(2):
        seen = run(AugmentConfig(flip=True), images, epoch=epoch)
        flipped = (seen == images[:, :, ::-1]).all(axis=(1, 2))
        assert np.array_equal(seen[~flipped], images[~flipped])
        assert flipped.sum() == pytest.approx(500, abs=4.5 * math.sqrt(250))
        flips.append(flipped)
    assert np.mean(flips[0] == flips[1]) == pytest.approx(0.5, abs=0.1)


def test_a_sample_beyond_the_data_set_is_an_error() -> None:
    with pytest.raises(IndexError):
        run(STRONG, noise_pictures(1), np.array([SAMPLES]))


def extreme(sigma: float) -> AugmentConfig:
    reader = ConfigReader("extreme.ini", Path())
    settings = reader.read(f"{EXTREME}elastic_sigma = {sigma}\n").augment
    assert not reader.problems
    return settings


@pytest.mark.parametrize("sigma", [0.1, 0.15, 2, 100])
@pytest.mark.parametrize("shape", [(28, 28), (1, 5), (60, 130)])
def test_all_extremes_together_are_drawn_without_a_warning(
    shape: tuple[int, int], sigma: float
) -> None:
    settings, images = extreme(sigma), noise_pictures(2, shape)
    augmenter = Augmenter(settings, shape, 1, 2)
    together, alone = np.full_like(images, 99), np.full_like(images, 99)
    augmenter(images, np.arange(2), 0, together)
    for number in (1, 0):
        some = slice(number, number + 1)
        augmenter(images[some], np.arange(2)[some], 0, alone[some])
    assert np.array_equal(alone, together)
    with pytest.raises(ValueError, match="too far"):  # what lies far beyond does not go unnoticed
        Augmenter(replace(settings, elastic_alpha=1e12), shape, 1, 2)


def largest_bend(settings: AugmentConfig, shape: tuple[int, int]) -> float:
    """Return what no displacement exceeds, whatever sigma: rows of F have norm 1 at most."""
    sums = math.sqrt(shape[0] * shape[1])
    return settings.elastic_alpha * UNIFORM_SPREAD / SPREAD_OF_ONES * NOISE_BITS / 2 * sums


def test_coordinates_of_the_largest_pictures_fit_at_all_extremes() -> None:
    settings, large = extreme(4), (LARGEST_SIDE, LARGEST_SIDE)
    reach = AffineGrid(large, largest_stretch(settings), largest_bend(settings, large)).reach
    BilinearSampler(large, 1, reach)
    with pytest.raises(ValueError, match="too far"):  # and a little more does not
        BilinearSampler(large, 1, 1.01 * reach)
    for sigma in (0.1, 0.15, 0.3, 4):
        field = ElasticField((28, 31), alpha=10000, sigma=sigma, max_pictures=1, first_word=0)
        assert field.reach <= largest_bend(settings, (28, 31))


@pytest.mark.parametrize("shape", [(LARGEST_SIDE + 1, 1), (1, LARGEST_SIDE + 1)])
def test_pictures_too_large_to_distort_are_told_to_the_user(shape: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match=f"at most 512×512 pixels\n.*{shape[0]}×{shape[1]}"):
        Augmenter(AugmentConfig(shift=1), shape, 1, 1)


def test_threads_with_their_own_augmenters_agree() -> None:
    images = noise_pictures(64)
    expected = [run(STRONG, images, epoch=epoch) for epoch in range(8)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda epoch: run(STRONG, images, epoch=epoch), range(8)))
    assert np.array_equal(np.stack(results), np.stack(expected))


def test_arguments_stay_and_output_may_be_the_input() -> None:
    images, numbers = noise_pictures(100), np.arange(100)
    before = images.copy()
    out = run(STRONG, images, numbers)
    assert np.array_equal(images, before)
    assert np.array_equal(numbers, np.arange(100))
    in_place = images.copy()
    Augmenter(STRONG, (28, 28), 1, SAMPLES)(in_place, numbers, 0, in_place)
    assert np.array_equal(in_place, out)


def test_pictures_may_be_written_in_any_order_of_memory() -> None:
    images, numbers = noise_pictures(70, (17, 31)), np.arange(70)
    batch_last = np.moveaxis(np.full((17, 31, 75), 99, dtype=np.uint8), -1, 0)
    Augmenter(STRONG, (17, 31), 1, SAMPLES)(images, numbers, 0, batch_last[:70])
    assert np.array_equal(batch_last[:70], run(STRONG, images))
    assert (batch_last[70:] == 99).all()


def test_earlier_calls_leave_no_trace() -> None:
    images = noise_pictures(64)
    augmenter = Augmenter(STRONG, (28, 28), 1, SAMPLES)
    fresh, used = np.empty_like(images), np.empty_like(images)
    augmenter(images, np.arange(64), 0, fresh)
    augmenter(np.full_like(images, 255), np.arange(64), 3, used)
    augmenter(images[:5], np.arange(5), 0, used[:5])
    assert np.array_equal(used[:5], fresh[:5])


def test_ink_stays_about_as_much() -> None:
    settings = replace(STRONG, thickness=0, cutout=0, scale=0)
    discs = disc_pictures(500)
    ratio = run(settings, discs).sum(axis=(1, 2)) / discs.sum(axis=(1, 2))
    assert ratio.mean() == pytest.approx(1, abs=0.1)
    assert ratio.min() > 0.4


def test_settings_know_when_they_do_nothing() -> None:
    assert AugmentConfig().is_identity
    assert AugmentConfig(elastic_sigma=6).is_identity
    images = noise_pictures(70, (17, 31))
    assert np.array_equal(run(AugmentConfig(), images), images)
    changes: list[dict[str, Any]] = [
        {"shift": 1}, {"rotate": 1}, {"scale": 0.1}, {"shear": 1},
        {"elastic_alpha": 1}, {"thickness": 1}, {"cutout": 1}, {"flip": True},
    ]  # fmt: skip
    assert not any(AugmentConfig(**change).is_identity for change in changes)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shift", -1),
        ("rotate", 181),
        ("scale", 1.0),
        ("shear", 90),
        ("shift", 1000.5),
        ("elastic_alpha", -3),
        ("elastic_alpha", 10001),
        ("elastic_sigma", 0),
        ("elastic_sigma", 101),
        ("thickness", 2.5),
        ("cutout", -1),
        ("rotate", math.nan),
        ("shift", math.inf),
    ],
)
def test_settings_out_of_range_name_their_key(key: str, value: float) -> None:
    reader = ConfigReader("distorted.ini", Path())
    reader.read(f"[augment]\n{key} = {value}\n")
    assert len(reader.problems) == 1
    assert reader.problems[0].startswith(f"distorted.ini:2: [augment] {key} expects")


def test_dark_ink_on_white_paper_is_distorted_as_its_negative_is() -> None:
    images = np.random.default_rng(1).integers(0, 256, (SAMPLES, 28, 28)).astype(np.uint8)
    numbers = np.arange(SAMPLES)
    black, white = np.empty_like(images), np.empty_like(images)
    Augmenter(STRONG, (28, 28), 1, SAMPLES)(images, numbers, 0, black)
    Augmenter(STRONG, (28, 28), 1, SAMPLES, bright_paper=True)(255 - images, numbers, 0, white)
    assert np.array_equal(white, 255 - black)
