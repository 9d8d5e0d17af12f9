"""How much of the processors others use: by what Linux reports, and beside a busy process."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpnet.bench import load, rounds
from bpnet.bench.load import DISTURBED, Load, LoadMeter, bench_processes
from bpnet.bench.rounds import Round, counted, describe_load, speeds, take_rounds

CALM, BUSY, UNKNOWN = Load(0.01, 0.0), Load(0.6, 0.0), Load(None, None)
linux = pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")


class FakeSystem:
    """Write what Linux would report of processors and processes.

    Args:
        root: stands for /proc.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def processors(self, *rows: str) -> None:
        """Set the columns of cpu0, cpu1, …: user nice system idle iowait irq softirq steal."""
        lines = [f"cpu{number} {row} 0 0" for number, row in enumerate(rows)]
        text = "\n".join(["cpu  9 9 9 9 9 9 9 9 0 0", *lines, "intr 1 2 3", "ctxt 4"])
        (self.root / "stat").write_text(text)

    def process(self, number: int, times: str) -> None:
        """Set utime, stime, cutime and cstime of a process with an awkward name."""
        (self.root / str(number)).mkdir(exist_ok=True)
        text = f"{number} (a) b (c) S 1 1 1 0 -1 4194304 9 9 9 9 {times} 20 0 1 0 99"
        (self.root / str(number) / "stat").write_text(text)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystem:
    monkeypatch.setattr(load, "PROC", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    fake = FakeSystem(tmp_path)
    fake.processors("100 0 10 900 5 0 1 2", "100 0 10 900 5 0 1 2")
    fake.process(7, "50 5 0 0")
    return fake


def test_what_is_busy_without_ours_is_of_others(system: FakeSystem) -> None:
    meter = LoadMeter(lambda: [7])
    system.processors("150 10 20 922 5 3 4 4", "200 0 10 900 5 0 1 2")
    system.process(7, "100 15 20 10")
    found = meter.read()
    assert found.others == pytest.approx((76 + 100 - 90) / 200)  # idle 22 and stolen 2 of 200
    assert found.stolen == pytest.approx(2 / 200)
    assert found.disturbed


def test_the_meter_begins_anew(system: FakeSystem) -> None:
    meter = LoadMeter(lambda: [7])
    system.processors("600 0 10 900 5 0 1 2", "100 0 10 1400 5 0 1 2")
    meter.start()
    system.processors("650 0 10 950 5 0 1 2", "100 0 10 1500 5 0 1 2")
    system.process(7, "98 5 0 0")
    found = meter.read()
    assert found.others == pytest.approx(2 / 200)
    assert not found.disturbed


def test_the_machine_beneath_disturbs_as_well(system: FakeSystem) -> None:
    meter = LoadMeter(lambda: [7])
    system.processors("100 0 10 980 5 0 1 22", "100 0 10 1000 5 0 1 2")
    assert meter.read() == Load(0.0, 20 / 200)
    assert meter.read().disturbed


def test_processors_that_this_process_may_not_use_do_not_count(system: FakeSystem) -> None:
    system.processors(*["0 0 0 100 0 0 0 0"] * 3)
    meter = LoadMeter(list)
    system.processors("0 0 0 200 0 0 0 0", "0 0 0 200 0 0 0 0", "900 0 0 100 0 0 0 0")
    assert meter.read() == Load(0.0, 0.0)


def test_rounding_gives_no_share_outside_0_to_1(system: FakeSystem) -> None:
    meter = LoadMeter(lambda: [7])
    system.processors("150 0 10 900 5 0 1 2", "150 0 10 900 5 0 1 2")
    system.process(7, "155 5 0 0")
    assert meter.read() == Load(0.0, 0.0)


def test_a_process_that_has_ended_took_no_time(system: FakeSystem) -> None:
    meter = LoadMeter(lambda: [7, 8])
    system.processors("100 0 10 1000 5 0 1 2", "100 0 10 1000 5 0 1 2")
    assert meter.read() == Load(0.0, 0.0)


@pytest.mark.parametrize(
    "text", [None, "", "cpu 1 2 3 4 5 6 7 8", "cpu0 1 2\ncpu1 3 4", "cpu0 none\ncpu1 none"]
)
def test_where_the_system_does_not_tell_it_is_unknown(system: FakeSystem, text: str | None) -> None:
    (system.root / "stat").unlink()
    if text is not None:
        (system.root / "stat").write_text(text)
    assert LoadMeter(lambda: [7]).read() == UNKNOWN
    assert UNKNOWN.disturbed is None


def test_a_clock_that_stands_still_tells_nothing(system: FakeSystem) -> None:
    system.processors(*["0 0 0 0 0 0 0 0"] * 2)
    meter = LoadMeter(lambda: [7])
    assert meter.read() == UNKNOWN
    system.processors("4 0 0 4 0 0 0 0", "0 0 0 8 0 0 0 0")  # 16 ticks cannot tell 5 %
    assert meter.read() == UNKNOWN


def test_a_system_without_affinity_tells_nothing(
    system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert LoadMeter(lambda: [7]).read() == UNKNOWN


@pytest.fixture
def busy() -> Iterator[int]:
    """Keep a processor busy from a process that is not ours."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def spend(ticks: int, process: int) -> None:
    """Wait until a process has used so much of a processor."""
    end = load.process_ticks(process) + ticks
    while load.process_ticks(process) < end:
        time.sleep(0.01)


@linux
def test_a_busy_process_is_seen_unless_it_is_ours(busy: int) -> None:
    """A process that has used 40 ticks is seen, whatever else runs here."""
    others = LoadMeter(lambda: [os.getpid()])
    everything = LoadMeter(lambda: [os.getpid(), busy])
    spend(40, busy)
    with_it, without = others.read(), everything.read()
    assert with_it.others is not None
    assert without.others is not None
    assert with_it.others > without.others
    assert busy in bench_processes()


def test_calm_rounds_count_and_disturbed_ones_only_where_all_are() -> None:
    calm, other, disturbed = Round([1.0], CALM), Round([2.0], CALM), Round([0.1], BUSY)
    assert counted([calm, disturbed, other]) == [calm, other]
    assert counted([disturbed, disturbed]) == [disturbed, disturbed]
    unknown = Round([3.0], UNKNOWN)
    assert counted([unknown, disturbed]) == [unknown]


def test_rounds_are_described_in_plain_numbers() -> None:
    one = Round([0.5, 1.5], Load(0.25, 0.01))
    assert one.describe(60) == {
        "samples_per_second": pytest.approx(60 / 0.6),
        "mean_samples_per_second": 60.0,
        "others_share": 0.25,
        "stolen_share": 0.01,
        "disturbed": True,
    }
    assert speeds([one, Round([1.0], CALM)], 60)["mean_samples_per_second"] == 60.0


def test_a_measurement_without_a_calm_round_is_marked() -> None:
    calm, disturbed, unknown = Round([1.0], CALM), Round([1.0], BUSY), Round([1.0], UNKNOWN)
    mixed = describe_load([calm, disturbed], [calm])
    assert mixed["others_share"] == pytest.approx((0.01 + 0.6 + 0.01) / 3)
    assert mixed["disturbed"] is False
    assert describe_load([calm], [disturbed])["disturbed"] is True
    assert describe_load([unknown], [calm])["disturbed"] is None
    assert describe_load([unknown])["others_share"] is None
    assert 0 < DISTURBED < 0.1


def test_rounds_end_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 0.0

        def perf_counter(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(rounds, "time", clock)

    def repeated(action: object, seconds: float) -> list[float]:
        clock.now += max(seconds, slowest)
        return [seconds]

    monkeypatch.setattr(rounds, "repeat", repeated)
    slowest = 0.0
    assert len(take_rounds(lambda: None, 8.0, LoadMeter(list))) == rounds.ROUNDS
    slowest = 5.0
    assert len(take_rounds(lambda: None, 8.0, LoadMeter(list))) == 2
    assert len(take_rounds(lambda: None, 0.0, LoadMeter(list))) == 1
