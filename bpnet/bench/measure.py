"""Measure configs one after the other, each in its own processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bpnet.bench.isolated import run_isolated
from bpnet.bench.passes import measure_passes
from bpnet.bench.speed import measure_speed
from bpnet.config.settings import Config
from bpnet.machine import available_cores, blas_description, cpu_name

PROPORTIONAL = "sum of proportional set sizes"
LARGEST = "largest resident set of one process"


@dataclass(frozen=True)
class Work:
    """Name a config to measure.

    Args:
        name: preset, or path of a file.
        config: batch size and workers included.
    """

    name: str
    config: Config


def run_bench(
    works: Sequence[Work],
    seconds: float,
    *,
    tell: Callable[[Work], None] = lambda work: None,
    watch: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Return the speed and memory of all works, and this machine's own peak.

    The peak is measured again with every work, and the best counts: a shared machine changes its
    speed from minute to minute.

    Args:
        works: what to measure.
        seconds: about how long to time each work.
        tell: called with the work that is measured next.
        watch: called several times a second; what it raises ends everything.

    Raises:
        BpnetError: a config does not fit its data, or a process ended too early.
    """
    results, peaks = [], []
    for work in works:
        tell(work)
        speed, memory = run_isolated(measure_speed, work.config, seconds * 0.6, watch=watch)
        passes, _ = run_isolated(measure_passes, work.config, seconds * 0.4, watch=watch)
        peaks.append(passes.pop("gemm_gflops"))
        results.append(_result(work, speed, memory, passes))
    peak = max(peaks)
    for result in results:
        result["fraction_of_peak"] = result["gflops"] / peak
    return {
        "gemm_gflops": peak,
        "blas": blas_description(),
        "cpu": cpu_name(),
        "cores": available_cores(),
        "results": results,
    }


def _result(
    work: Work, speed: dict[str, Any], memory: int, passes: dict[str, Any]
) -> dict[str, Any]:
    """Put together what was measured of one work; the fraction of the peak follows."""
    largest = speed.pop("largest_resident_bytes")
    method = PROPORTIONAL if memory else LARGEST if largest else None
    peak = memory or largest
    flops = passes.pop("flops_per_sample")
    return {
        "config": work.name,
        "batch_size": work.config.train.batch_size,
        "accumulate": work.config.train.accumulate,
        "workers": speed["workers"],
        "workers_are": speed["workers_are"],
        "samples_per_second": speed["samples_per_second"],
        "mean_samples_per_second": speed["mean_samples_per_second"],
        "gflops": flops * speed["samples_per_second"] / 1e9,
        "fraction_of_peak": None,
        "peak_rss_mb": peak / 1e6 if peak else None,
        "memory_method": method,
        "inference_samples_per_second": speed["inference_samples_per_second"],
        "others_share": speed["others_share"],
        "stolen_share": speed["stolen_share"],
        "disturbed": speed["disturbed"],
        "rounds": speed["rounds"],
        **passes,
    }
