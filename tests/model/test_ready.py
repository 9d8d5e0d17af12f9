"""Ready plans: kept per number of samples, and the same answers as the network gives."""

import numpy as np
import pytest

from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.model import Model
from bpnet.model.ready import MOST_PLANS, PLAN_BLOCK, ReadyPlans, program_of
from bpnet.nn.sequential import Workspace
from bpnet.training.run import prepare_model
from tests.helpers.tiny import NET, TRAIN, draw_dataset, draw_samples, read_config

PERCEPTRON = NET.replace("conv 3 kernel=3", "flatten").replace("maxpool 2\n    flatten", "linear 4")


@pytest.fixture(scope="module", params=[PERCEPTRON, NET], ids=["perceptron", "convolutions"])
def model(request: pytest.FixtureRequest) -> Model:
    return prepare_model(read_config(request.param + TRAIN), draw_dataset())


def test_ready_plans_answer_as_the_network_does(model: Model) -> None:
    samples = draw_samples(PLAN_BLOCK + 30, 5).inputs
    workspace = Workspace(model.network, len(samples), training=False)
    expected = model.outputs(samples, workspace)
    one = Answers(Ensemble([model]), most=1)
    found = np.concatenate([one.outputs(samples[[number]]).copy() for number in range(20)], axis=1)
    np.testing.assert_allclose(found, expected[:, :20], rtol=1e-4, atol=1e-5)
    many = Answers(Ensemble([model]), most=len(samples)).outputs(samples)
    np.testing.assert_allclose(many, expected, rtol=1e-4, atol=1e-5)


def test_the_same_samples_get_the_same_bits(model: Model) -> None:
    samples = draw_samples(60, 5).inputs
    answers = [Answers(Ensemble([model]), most=60) for _ in range(2)]
    first = answers[0].probabilities(samples)
    for sizes in ([7, 8, 9, 10, 11, 12], []):  # more plans than are kept, then none before
        for size in sizes:
            answers[0].probabilities(samples[:size])
        assert answers[len(sizes) == 0].probabilities(samples).tobytes() == first.tobytes()


def test_no_more_plans_are_kept_than_a_few() -> None:
    model = prepare_model(read_config(PERCEPTRON + TRAIN), draw_dataset())
    program = program_of(model, 10)
    assert program is not None
    written = []
    plan = program.plan
    program.plan = lambda batch: written.append(batch) or plan(batch)  # type: ignore[method-assign, func-returns-value]
    ready = ReadyPlans(program, 3, 10)
    samples = draw_samples(10, 5).inputs
    for size in (*range(1, MOST_PLANS + 1), 1, 2, MOST_PLANS + 1, 2, 1):
        ready.outputs(samples[:size])
    assert written == [*range(1, MOST_PLANS + 2), 1]


def test_samples_that_need_much_memory_are_taken_fewer_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = program_of(prepare_model(read_config(PERCEPTRON + TRAIN), draw_dataset()), 10)
    assert program is not None
    assert program.numbers > np.prod(program.input_shape)  # these are counted, too
    samples = draw_samples(10, 5).inputs
    whole = ReadyPlans(program, 3, 10).outputs(samples)
    sizes = []
    plan = program.plan
    program.plan = lambda batch: sizes.append(batch) or plan(batch)  # type: ignore[method-assign, func-returns-value]
    monkeypatch.setattr("bpnet.model.ready.MOST_NUMBERS", 4 * program.numbers)
    few = ReadyPlans(program, 3, 10).outputs(samples)
    assert sizes == [4, 2]
    np.testing.assert_allclose(few, whole, rtol=1e-4, atol=1e-5)


def test_a_plain_network_stays_plain(model: Model) -> None:
    assert program_of(model.plain(), 1) is None
    assert program_of(model, 1) is not None
