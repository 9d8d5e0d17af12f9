"""Measure training and inference speed against this machine's own peak."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import WORKERS, as_json, with_configs
from bpnet.cli.output import note, show_json
from bpnet.cli.tables import show_parts
from bpnet.disk import FILE, what_is_at
from bpnet.text_table import Table

if TYPE_CHECKING:
    from bpnet.bench.measure import Work

NETS = ("mlp", "mlp800", "lenet5", "fast", "convnet")
HEADERS = (
    *("config", "batch", "workers", "training\nsamples/s", "their\nmean", "GFLOP/s"),
    *("share of\npeak", "inference\nsamples/s", "peak\nmemory", "used by\nothers"),
)
LEAST = (0, 5, 7, 13, 9, 8, 7, 14, 9, 7)  # widths of these columns
SECONDS = 6.0  # of timing, per config and batch size


@click.command(
    cls=BpnetCommand,
    examples={
        "bench mlp": "one network, layer by layer",
        "bench mlp fast --batch-size 128": "two, with larger batches",
        "bench --show-choices": "the sizes that fit this processor",
    },
)
@with_configs("What to measure", default=NETS)
@click.option(
    "--batch-size",
    "batch_sizes",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="N",
    help="Default: the config's own; may be given several times.",
)
@click.option(
    "--workers",
    type=WORKERS,
    metavar="N|KIND",
    help='For example 2, threads, processes, "2 threads" or auto.',
)
@click.option(
    "--show-choices", is_flag=True, help="Show which sizes fit this processor; measure nothing."
)
@click.option("--layers", is_flag=True, help="Show each layer even if there are several configs.")
@as_json
def command(
    sources: tuple[str, ...],
    batch_sizes: tuple[int, ...],
    workers: str | None,
    show_choices: bool,
    layers: bool,
    as_json: bool,
) -> None:
    """Measure training and inference speed against this machine's matrix-multiply peak.

    Training steps are timed as `train` takes them, on random pictures, without augmentation,
    averaged weights or validation; the 10th-percentile step counts, and the mean is shown beside
    it. Rounds in which other programs, or the machine beneath a virtual one, took more than 5 % of
    the processors' time do not count; where all rounds did, the figures are marked. Each config
    takes about ten seconds. Operations are those of the plain algorithms, so faster ones may beat
    the peak.
    """
    from bpnet.bench.measure import run_bench
    from bpnet.cli.signals import stop_request
    from bpnet.fast.sizes import describe_choice

    if show_choices:
        choice = describe_choice()
        if as_json:
            show_json(choice)
        else:
            show_parts(*choice_lines(choice))
        return
    works = [work for source in sources for work in find_works(source, batch_sizes, workers)]
    with stop_request() as stop:

        def watch() -> None:
            if stop():
                raise stop.error()("stopped: what was measured so far is lost")

        found = run_bench(works, SECONDS, tell=announce, watch=watch)
    if as_json:
        show_json(found)
    else:
        show_parts(*text(found, layers))


def find_works(source: str, batch_sizes: tuple[int, ...], workers: str | None) -> list[Work]:
    """Return a config with each batch size, or with its own."""
    from bpnet.bench.measure import Work
    from bpnet.config.loading import load_config
    from bpnet.config.settings import Override

    path = Path(source)
    name = str(path.absolute()) if what_is_at(path) == FILE else source
    same = () if workers is None else (Override("train.workers", workers, "--workers"),)
    sizes = (Override("train.batch_size", size, "--batch-size") for size in batch_sizes)
    changes = [(size, *same) for size in sizes] or [same]
    return [Work(name, load_config(source, change)) for change in changes]


def announce(work: Work) -> None:
    """Announce what is measured next."""
    note(f"{Path(work.name).stem}, batch {work.config.train.batch_size} …")


def text(found: dict[str, Any], layers: bool) -> list[str | Table]:
    """Return everything as lines of text and tables."""
    from bpnet.bench.load import DISTURBED
    from bpnet.bench.measure import PROPORTIONAL

    results = found["results"]
    cores = "1 core" if found["cores"] == 1 else f"{found['cores']} cores"
    peak = f"{found['gemm_gflops']:.0f} GFLOP/s in float32 products on {cores}"
    lines: list[str | Table] = [f"{found['cpu']}: {peak}"]
    rows = [bench_row(result) for result in results]
    lines += ["", Table(HEADERS, rows, range(1, len(HEADERS)), LEAST)]
    if any(result["disturbed"] for result in results):
        lines.append(
            f"* disturbed: others took more than {DISTURBED:.0%} of the processors in every round"
        )
    if any(result["memory_method"] != PROPORTIONAL for result in results):
        lines.append("memory: of one process only, all that this system reports")
    if layers or len({result["config"] for result in results}) == 1:
        for result in results:
            lines += ["", *layer_lines(result)]
    return lines


def bench_row(result: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of one result."""
    memory = result["peak_rss_mb"]
    return (
        Path(result["config"]).stem,
        batch_text(result),
        str(result["workers"]),
        f"{result['samples_per_second']:,.0f}",
        f"{result['mean_samples_per_second']:,.0f}",
        f"{result['gflops']:.1f}",
        f"{100 * result['fraction_of_peak']:.1f} %",
        f"{result['inference_samples_per_second']:,.0f}",
        "–" if memory is None else f"{memory:.0f} MB",
        used_by_others(result),
    )


def batch_text(result: dict[str, Any]) -> str:
    """Return the samples of a batch, and how many batches make a step if there are several."""
    size, accumulate = result["batch_size"], result["accumulate"]
    return f"{size}" if accumulate == 1 else f"{size} × {accumulate}"


def choice_lines(choice: dict[str, Any]) -> list[str]:
    """Return what was found of the processor, and the sizes that were chosen."""
    caches = choice["cache_bytes"].items()
    found = [f"{level} {size // 1024}K" for level, size in caches] or ["caches unknown"]
    return [
        f"BLAS kernel {choice['kernel']}; of a core: {', '.join(found)}",
        f"sizes for {choice['chosen_for']}",
        *(f"  {name:<19}{size:>10,}" for name, size in choice["sizes"].items()),
    ]


def used_by_others(result: dict[str, Any]) -> str:
    """Return the share of the processors that others, or the machine beneath, took meanwhile."""
    if result["others_share"] is None:
        return "–"
    mark = "*" if result["disturbed"] else ""
    return f"{result['others_share'] + result['stolen_share']:.0%}{mark}"


def layer_lines(result: dict[str, Any]) -> list[str | Table]:
    """Return the lines about one result's layers."""

    def microseconds(seconds: float | None) -> str:
        return "–" if seconds is None else f"{1e6 * seconds:,.0f}"

    title = f"{Path(result['config']).stem}, batch {batch_text(result)}"
    whole = result["matmul_seconds"] + result["other_seconds"]
    samples = result["shard_samples"]
    rows = [
        (
            row["name"],
            microseconds(row["forward_seconds"]),
            microseconds(row["backward_seconds"]),
            "–" if row["gflops"] is None else f"{row['gflops']:.1f}",
        )
        for row in result["layers"]
    ]
    return [
        f"{title}: one worker, {samples} sample{'s' * (samples > 1)}, microseconds",
        Table(("layer", "forward", "backward", "GFLOP/s"), rows, (1, 2, 3), (0, 11, 11, 8)),
        f"matrix products take {microseconds(result['matmul_seconds'])} of "
        f"{microseconds(whole)} ({100 * result['matmul_seconds'] / whole:.0f} %)",
    ]
