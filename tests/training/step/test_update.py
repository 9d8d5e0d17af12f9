"""What becomes of gradients: added in order, clipped as a whole, applied slice by slice."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from bpnet.config.settings import OptimizerConfig
from bpnet.nn.parameters import FlatArrays
from bpnet.training.averaging import AveragedWeights
from bpnet.training.optimizers import OPTIMIZERS, build_optimizer
from bpnet.training.parameter_slice import ParameterSlice
from bpnet.training.run import prepare_model
from bpnet.training.step.batch import Batch, split_evenly
from bpnet.training.step.update import Update
from tests.helpers.fitting import fit
from tests.helpers.tiny import draw_dataset, read_config

SHAPES = {"1.weight": (5, 4), "1.bias": (5,), "2.weight": (3, 5), "2.bias": (3,)}
SIZE = 43
PLAIN = OptimizerConfig(momentum=0.0, nesterov=False, weight_decay=0.0)
BATCH = Batch(np.arange(4), 0, 0, 1.0)
RICH = (
    OptimizerConfig(weight_decay=0.1),
    *(OptimizerConfig(name=name, weight_decay=0.1) for name in OPTIMIZERS if name != "sgd"),
)

# Slices of a whole

Splitting = Callable[[int, int, int], slice]


def assert_fair(splitting: Splitting, whole: int, count: int) -> None:
    """Make sure that all is given away once, in order, nearly equally, larger slices first."""
    slices = [np.arange(whole)[splitting(whole, count, number)] for number in range(count)]
    assert np.concatenate(slices).tolist() == list(range(whole))
    sizes = [len(one) for one in slices]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[-1] <= 1


def test_slices_cover_everything_once_the_larger_first() -> None:
    for count in range(1, 9):
        for whole in (*range(20), 64, 1001):
            assert_fair(split_evenly, whole, count)
    assert [split_evenly(8, 3, number) for number in range(3)] == [
        slice(0, 3),
        slice(3, 6),
        slice(6, 8),
    ]


def test_with_too_little_for_all_the_last_ones_get_nothing() -> None:
    sizes = [len(range(2)[split_evenly(2, 4, number)]) for number in range(4)]
    assert sizes == [1, 1, 0, 0]


def floor_slices(whole: int, count: int, number: int) -> slice:
    return slice(number * (whole // count), (number + 1) * (whole // count))


def larger_last(whole: int, count: int, number: int) -> slice:
    return slice(number * whole // count, (number + 1) * whole // count)


def overlapping(whole: int, count: int, number: int) -> slice:
    return slice(
        max(0, split_evenly(whole, count, number).start - 1),
        split_evenly(whole, count, number).stop,
    )


@pytest.mark.parametrize("wrong", [floor_slices, larger_last, overlapping])
def test_an_unfair_slice_is_noticed(wrong: Splitting) -> None:
    with pytest.raises(AssertionError):
        assert_fair(wrong, 8, 3)


# Sums


def drawn(seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=SIZE)


class Trial:
    """Hold an update, its parameters, and one flat gradient for each of several shards."""

    def __init__(
        self,
        config: OptimizerConfig = PLAIN,
        *,
        shards: int = 1,
        grad_clip: float = 0.0,
        dtype: DTypeLike = np.float64,
    ) -> None:
        network = prepare_model(read_config(), draw_dataset()).network
        self.parameters = FlatArrays(SHAPES, dtype)
        self.parameters.flat[:] = drawn(0)
        optimizer = build_optimizer(self.parameters, config, grad_clip)
        averaged = AveragedWeights(network, 0.0)
        self.update = Update(optimizer, averaged)
        self.gradients = [self.parameters.like() for _ in range(shards)]
        for number, gradient in enumerate(self.gradients, start=1):
            gradient.flat[:] = drawn(number)

    def spans(self, count: int) -> list[list[ParameterSlice]]:
        """Return the slices of all parameters, cut into that many spans."""
        spans = [split_evenly(SIZE, count, number) for number in range(count)]
        return [self.update.slices(span, self.gradients) for span in spans]

    def take_step(self, count: int, batch: Batch = BATCH) -> NDArray[Any]:
        """Add, clip and apply as shards do; return the weights."""
        spans = self.spans(count)
        squares = [self.update.add_up(span, len(self.gradients)) for span in spans]
        factor = self.update.optimizer.clipping_factor(sum(squares))
        for span in spans:
            self.update.apply(span, batch, factor)
        return self.parameters.flat


@pytest.mark.parametrize("slices", [1, 3])
def test_gradients_are_added_in_the_order_of_their_shards(slices: int) -> None:
    """In single precision the order shows: (1e8 − 1e8) + 1 is 1, and (1e8 + 1) − 1e8 is 0."""
    trial = Trial(shards=3, dtype=np.float32)
    for gradient, value in zip(trial.gradients, (1e8, -1e8, 1.0), strict=True):
        gradient.flat[:] = value
    for span in trial.spans(slices):
        trial.update.add_up(span, 3)
    assert (trial.gradients[0].flat == 1).all()


def test_shards_without_samples_are_left_out() -> None:
    trial = Trial(shards=3)
    expected = trial.gradients[0].flat + trial.gradients[1].flat
    trial.gradients[2].flat[:] = np.nan  # of an earlier step
    for span in trial.spans(2):
        trial.update.add_up(span, 2)
    np.testing.assert_array_equal(trial.gradients[0].flat, expected)


# Clipping


def clipped(g: NDArray[Any], largest: float) -> NDArray[Any]:
    """Clip a whole vector, as it is written in the textbook."""
    length = float(np.sqrt((g**2).sum()))
    return g * min(1.0, largest / length)


def applied(gradients: Sequence[FlatArrays]) -> NDArray[Any]:
    return np.asarray(sum(gradient.flat for gradient in gradients))


@pytest.mark.parametrize("largest", [0.5, 5.0, 1e3])
@pytest.mark.parametrize("slices", [1, 2, 5])
def test_slices_are_clipped_as_the_whole_vector_would_be(slices: int, largest: float) -> None:
    trial = Trial(shards=2, grad_clip=largest)
    expected = drawn(0) - clipped(applied(trial.gradients), largest)
    np.testing.assert_allclose(trial.take_step(slices), expected, rtol=1e-12, atol=1e-14)


def test_clipping_every_slice_on_its_own_would_be_noticed() -> None:
    trial = Trial(shards=2, grad_clip=0.5)
    whole = clipped(applied(trial.gradients), 0.5)
    halves = np.array_split(applied(trial.gradients), 2)
    parted = np.concatenate([clipped(half, 0.5) for half in halves])
    assert not np.allclose(whole, parted, rtol=1e-3)


def test_short_gradients_and_zero_stay_as_they_are() -> None:
    update = Trial(grad_clip=5.0).update
    assert update.optimizer.clipping_factor(25.0) == 1
    assert update.optimizer.clipping_factor(0.0) == 1
    assert update.optimizer.clipping_factor(100.0) == 0.5
    assert Trial(grad_clip=0.0).update.optimizer.clipping_factor(1e30) == 1


def test_a_gradient_in_single_precision_is_measured_in_double() -> None:
    trial = Trial(grad_clip=1.0, dtype=np.float32)
    trial.gradients[0].flat[:] = 1e25
    (span,) = trial.spans(1)
    assert trial.update.add_up(span, 1) == pytest.approx(SIZE * 1e50, rel=1e-6)


# Blocks


@pytest.mark.parametrize("block", [1, 7, 20])
@pytest.mark.parametrize("config", RICH, ids=lambda config: config.name)
def test_blocks_give_the_same_bits_as_one_block(
    monkeypatch: pytest.MonkeyPatch, config: OptimizerConfig, block: int
) -> None:
    def weights() -> bytes:
        trial = Trial(config, shards=3, dtype=np.float32)
        for step in range(3):
            for number, gradient in enumerate(trial.gradients, start=1):
                gradient.flat[:] = drawn(10 * step + number)
            trial.take_step(2, Batch(np.arange(4), 0, step, 0.1))
        return trial.parameters.flat.tobytes()

    whole = weights()
    fit(monkeypatch, parameter_block=block)
    assert len(Trial().spans(1)[0]) == -(-35 // block) + -(-8 // block)  # weights, then biases
    assert weights() == whole


def test_weight_decay_pulls_on_weights_alone() -> None:
    trial = Trial(OptimizerConfig(momentum=0.0, nesterov=False, weight_decay=0.5), shards=2)
    for gradient in trial.gradients:
        gradient.flat[:] = 0
    trial.take_step(4)  # one of the four has weights and biases
    assert trial.parameters.weights == 35
    np.testing.assert_allclose(trial.parameters.flat[:35], 0.5 * drawn(0)[:35])
    np.testing.assert_array_equal(trial.parameters.flat[35:], drawn(0)[35:])


def test_the_average_follows_every_slice() -> None:
    network = prepare_model(read_config(), draw_dataset()).network
    averaged = AveragedWeights(network, 0.9)
    assert averaged.parameters is not None
    start = network.parameters.flat.copy()
    optimizer = build_optimizer(network.parameters, PLAIN)
    update = Update(optimizer, averaged)
    gradient = network.parameters.like()
    gradient.flat[:] = 1
    size = gradient.flat.size
    for number in range(3):
        update.apply(update.slices(split_evenly(size, 3, number), [gradient]), BATCH)
    np.testing.assert_allclose(network.parameters.flat, start - 1, rtol=1e-6)
    decay = 2 / 11  # of the first step
    np.testing.assert_allclose(
        averaged.parameters.flat, decay * start + (1 - decay) * (start - 1), rtol=1e-5
    )
