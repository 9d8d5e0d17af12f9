"""What `bpnet bench` measures with: batches, clocks, counts, and processes that are watched."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from bpnet.bench import isolated, work
from bpnet.bench.flops import measure_peak, training_flops
from bpnet.bench.isolated import run_isolated
from bpnet.bench.measure import LARGEST, Work, run_bench
from bpnet.bench.passes import ShardPass, measure_passes, time_layers
from bpnet.bench.products import matmul_clock, time_products
from bpnet.bench.speed import measure_speed, open_trainer
from bpnet.bench.work import bare, batches, repeat, samples_for, typical
from bpnet.config.loading import load_config
from bpnet.errors import BpnetError, DataError
from bpnet.model.build import build_model
from bpnet.model.inputs import Normalization
from bpnet.model.model import Model
from bpnet.training.run import prepare_model
from tests.helpers.tiny import TABLE, draw_dataset, read_config, with_settings

MEGABYTES = 100
linux = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="the system does not tell"
)


def preset_model(name: str) -> Model:
    return build_model(load_config(name), (1, 28, 28), 10, Normalization())


def tiny_pass() -> ShardPass:
    dataset = draw_dataset()
    return ShardPass(prepare_model(bare(read_config()), dataset), dataset.train, 8)


def test_batches_are_full_and_never_end() -> None:
    stream = batches(10, 4)
    drawn = [next(stream)[0] for _ in range(5)]
    assert [len(index) for index in drawn] == [4] * 5
    assert len(set(np.concatenate(drawn[:2]))) == 8
    np.testing.assert_array_equal(drawn[0], drawn[2])
    assert sorted(next(batches(3, 64))[0]) == [0, 1, 2]


class FakeClock:
    """Show a time that passes only while something sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("seconds", "counted"),
    [(54, [1.0] * 5), (40, [10.0, 10.0]), (15, [9.0]), (5, [20.0]), (0, [20.0])],
)
def test_the_first_runs_do_not_count(
    monkeypatch: pytest.MonkeyPatch, seconds: float, counted: list[float]
) -> None:
    clock = FakeClock()
    monkeypatch.setattr(work, "time", clock)
    slow_at_first = iter([20.0, 9.0, 10.0, 10.0, 0.5] + [1.0] * 100)
    assert repeat(lambda: clock.sleep(next(slow_at_first)), seconds) == counted


def test_the_typical_time_is_the_tenth_percentile() -> None:
    assert typical([float(number) for number in range(101)]) == 10


def test_what_is_drawn_anew_or_held_out_is_left_out() -> None:
    config = with_settings(load_config("digits"), "train", ema=0.9, early_stopping=3)
    assert not config.augment.is_identity
    stripped = bare(config)
    assert stripped.augment.is_identity
    assert (stripped.train.ema, stripped.train.early_stopping) == (0, 0)
    assert stripped.data.validation == 0
    assert stripped.model == config.model
    assert stripped.train.batch_size == config.train.batch_size


def test_pictures_are_random_and_as_many_as_mnist_has() -> None:
    dataset = samples_for(load_config("mlp"))
    assert dataset.train.inputs.shape == (60000, 28, 28)
    assert dataset.test.inputs.shape == (10000, 28, 28)
    assert dataset.train.inputs.dtype == np.uint8
    assert len(dataset.class_names) == dataset.train.targets.max() + 1


def test_a_class_for_what_is_no_digit_counts() -> None:
    config = load_config("digits")
    dataset = samples_for(config)
    assert dataset.train.targets.max() == 10
    assert len(dataset.class_names) == 11
    prepare_model(bare(config), dataset)  # whose last layer has eleven outputs


def test_a_table_is_measured_with_its_own_samples() -> None:
    assert samples_for(read_config(TABLE)).train.inputs.shape == (4, 2)


def test_an_idx_folder_that_is_not_there_is_an_error_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        samples_for(read_config(folder=tmp_path))


def test_operations_of_a_perceptron_are_those_counted_by_hand() -> None:
    """Forward and dW cost 2 a weight each; Wᵀ δ is needed in the second layer alone."""
    flatten, first, relu, second = training_flops(preset_model("mlp").network)
    assert flatten == relu == 0
    assert first == 4 * 784 * 128
    assert second == 6 * 128 * 10


def test_operations_of_a_convolutional_network_are_those_counted_by_hand() -> None:
    convolutions = 4 * 24 * 25 * 24 * 24 + 6 * 32 * 24 * 9 * 10 * 10
    assert sum(training_flops(preset_model("fast").network)) == convolutions + 6 * (
        800 * 256 + 256 * 10
    )


def test_the_peak_is_a_positive_number() -> None:
    assert measure_peak(0.0) > 0


def test_the_clock_counts_matrix_products_and_nothing_else() -> None:
    a = np.ones((400, 400))
    with matmul_clock() as clock:
        time.sleep(0.05)
        assert clock.seconds == 0
        np.testing.assert_array_equal(np.matmul(a, a), np.full((400, 400), 400.0))
        once = clock.seconds
        assert once > 0
        np.matmul(a, a, out=a)
    assert clock.seconds > once


def test_the_clock_is_taken_away_after_an_error() -> None:
    matmul = np.matmul
    with pytest.raises(ValueError, match="mismatch"), matmul_clock() as clock:
        np.matmul(np.ones((2, 3)), np.ones((2, 3)))
    assert clock.seconds > 0  # so it was the clock that was called
    assert np.matmul is matmul


@pytest.mark.parametrize("split", ["samples", "units"])
def test_products_and_everything_else_make_up_a_step(split: str) -> None:
    matmul = np.matmul
    config = with_settings(read_config(TABLE), "train", split=split)
    with open_trainer(bare(config).with_workers("1"), samples_for(config)) as trainer:
        found = time_products(trainer, 0.02)
    assert np.matmul is matmul
    assert found["matmul_seconds"] > 0
    assert found["other_seconds"] > 0


def test_every_stage_is_timed_and_computes_what_it_computes_untimed() -> None:
    shard = tiny_pass()
    rows = {row["name"]: row for row in time_layers(shard, 0.02)}
    assert list(rows) == ["input", "1.conv + 2.relu + 3.maxpool", "4.flatten", "5.linear", "loss"]
    assert rows["input"]["backward_seconds"] is None
    assert rows["loss"]["gflops"] is rows["4.flatten"]["gflops"] is None
    linear = rows["5.linear"]
    seconds = linear["forward_seconds"] + linear["backward_seconds"]
    assert linear["gflops"] == pytest.approx(8 * 6 * 27 * 3 / seconds / 1e9)


def test_timing_leaves_the_network_as_it_was() -> None:
    shard, other = tiny_pass(), tiny_pass()
    time_layers(shard, 0.0)
    other.run()
    shard.run()
    other.run()
    first, second = shard.workspace.gradients, other.workspace.gradients
    assert first is not None
    assert second is not None
    assert first.flat.any()
    np.testing.assert_array_equal(first.flat, second.flat)


def test_a_pass_stops_at_what_goes_wrong() -> None:
    shard = tiny_pass()
    shard.network.loss.backward = None  # type: ignore[assignment, method-assign]
    with pytest.raises(TypeError):
        time_layers(shard, 0.0)


@pytest.mark.parametrize("batch_size", [3, 64])
def test_speeds_are_positive_whatever_the_batch(batch_size: int) -> None:
    config = with_settings(read_config(TABLE), "train", batch_size=batch_size)
    found = measure_speed(config.with_workers("1"), 0.02)
    assert (found["workers"], found["workers_are"]) == (1, "threads")
    assert found["samples_per_second"] > 0
    assert found["inference_samples_per_second"] > 0


def test_a_rate_that_would_diverge_does_no_harm() -> None:
    config = with_settings(read_config(TABLE), "optimizer", learning_rate=1e30)
    assert measure_speed(config, 0.02)["samples_per_second"] > 0


def test_a_shard_is_the_largest_part_of_a_batch() -> None:
    config = with_settings(read_config(TABLE), "train", batch_size=3, shards=2)
    found = measure_passes(config, 0.01)
    assert found["shard_samples"] == 2
    assert found["flops_per_sample"] == 4 * 2 * 4 + 6 * 4


def test_layers_are_timed_on_a_part_of_a_huge_batch() -> None:
    rows = "\n    ".join(["0 0"] * 3000)
    text = TABLE.partition("inputs")[0] + f"inputs =\n    {rows}\n"
    text += f"targets =\n    {rows.replace('0 0', '0')}\n" + TABLE[TABLE.index("[model]") :]
    config = with_settings(read_config(text), "train", batch_size=3000)
    assert measure_passes(config, 0.0)["shard_samples"] == 512


def allocate(megabytes: int, processes: int) -> int:
    """Hold memory for a while, seen by several processes."""
    memory = np.ones(megabytes * 10**6, dtype=np.uint8)
    children = []
    for _ in range(1, processes):
        child = os.fork()
        if not child:
            time.sleep(0.3)
            os._exit(0)
        children.append(child)
    time.sleep(0.3)
    for child in children:
        os.waitpid(child, 0)
    return len(memory)


@linux
def test_memory_that_processes_share_counts_once() -> None:
    _, small = run_isolated(allocate, 0, 1)
    found, peak = run_isolated(allocate, MEGABYTES, 2)
    assert found == MEGABYTES * 10**6
    assert MEGABYTES < (peak - small) / 1e6 + 10 < 1.6 * MEGABYTES


@linux
def test_memory_of_all_processes_counts() -> None:
    _, small = run_isolated(allocate, 0, 1)
    _, peak = run_isolated(allocate_in_a_child)
    assert (peak - small) / 1e6 + 10 > MEGABYTES


def allocate_in_a_child() -> None:
    child = os.fork()
    if not child:
        allocate(MEGABYTES, 1)
        os._exit(0)
    os.waitpid(child, 0)


def die(code: int) -> None:
    os._exit(code)


def refuse(error: Exception) -> None:
    raise error


def test_a_process_that_dies_is_an_error_with_a_message() -> None:
    with pytest.raises(BpnetError, match="ended too early") as caught:
        run_isolated(die, 9)
    assert "exit code 9" in str(caught.value)


def test_errors_come_back_as_they_were_raised() -> None:
    with pytest.raises(DataError) as caught:
        run_isolated(refuse, DataError("nothing there", where="a file", hint="look again"))
    assert str(caught.value) == "nothing there\n  where: a file\n  try: look again"
    assert "in refuse" in "".join(caught.value.__notes__)


def test_what_the_watcher_raises_ends_the_process(tmp_path: Path) -> None:
    path = tmp_path / "number"

    def interrupt() -> None:
        if path.exists() and path.read_text():
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run_isolated(linger, path, watch=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int(path.read_text()), 0)


def linger(path: Path) -> None:
    path.write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(60)


def test_without_the_figures_of_linux_memory_is_that_of_one_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolated, "proportional_bytes", lambda process: 0)
    (result,) = run_bench([Work("table", read_config(TABLE))], 0.01)["results"]
    assert result["memory_method"] == LARGEST
    assert result["peak_rss_mb"] > 1
