"""Measure training and inference speed against this machine's own peak."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.options import ConfigCommand, as_json, with_configs
from bpnet.cli.output import note, show, show_json, terminal_width
from bpnet.disk import FILE, what_is_at
from bpnet.narrow import fitted, fitted_text

if TYPE_CHECKING:
    from bpnet.bench.measure import Work

NETS = ("mlp", "mlp800", "lenet5", "fast", "convnet")
BELOW = (  # the second line of the table's head
    *("config", "batch", "workers", "samples/s", "mean", "GFLOP/s", "peak", "samples/s"),
    *("memory", "others"),
)
HEADINGS = (  # where its fields stand below each other
    *("config", "batch size", "workers", "training samples/s", "their mean", "GFLOP/s"),
    *("share of peak", "inference samples/s", "peak memory", "used by others"),
)
SECONDS = 6.0  # of timing, per config and batch size


@click.command(cls=ConfigCommand, short_help="Measure speed against this machine's peak.")
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
    "--workers", metavar="N|KIND", help='For example 2, threads, processes, "2 threads" or auto.'
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
            show(*fitted_text(choice_lines(choice), terminal_width()))
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
        show(*fitted_text(text(found, layers), terminal_width()))


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


def text(found: dict[str, Any], layers: bool) -> list[str]:
    """Return everything as lines of text."""
    from bpnet.bench.load import DISTURBED
    from bpnet.bench.measure import PROPORTIONAL

    results = found["results"]
    cores = "1 core" if found["cores"] == 1 else f"{found['cores']} cores"
    lines = [f"{found['cpu']}: {found['gemm_gflops']:.0f} GFLOP/s in float32 products on {cores}"]
    width = max(len("config"), *(len(Path(result["config"]).stem) for result in results))
    row = (
        f"{{:<{width}}}{{:>7}}{{:>9}}{{:>15}}{{:>11}}{{:>10}}{{:>9}}{{:>16}}{{:>11}}{{:>9}}".format
    )
    rows = [fields(result) for result in results]
    above = row("", "", "", "training", "their", "", "share of", "inference", "peak", "used by")
    lines += [
        "",
        *fitted(
            [above, row(*BELOW), *(row(*one) for one in rows)], HEADINGS, rows, terminal_width()
        ),
    ]
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


def fields(result: dict[str, Any]) -> tuple[str, ...]:
    """Return what the table says of one result."""
    memory = result["peak_rss_mb"]
    return (
        Path(result["config"]).stem,
        str(result["batch_size"]),
        str(result["workers"]),
        f"{result['samples_per_second']:,.0f}",
        f"{result['mean_samples_per_second']:,.0f}",
        f"{result['gflops']:.1f}",
        f"{100 * result['fraction_of_peak']:.1f} %",
        f"{result['inference_samples_per_second']:,.0f}",
        "–" if memory is None else f"{memory:.0f} MB",
        used_by_others(result),
    )


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


def layer_lines(result: dict[str, Any]) -> list[str]:
    """Return the lines about one result's layers."""
    rows = result["layers"]
    width = max(len(row["name"]) for row in rows)
    line = f"{{:<{width}}}{{:>13}}{{:>13}}{{:>10}}".format

    def microseconds(seconds: float | None) -> str:
        return "–" if seconds is None else f"{1e6 * seconds:,.0f}"

    title = f"{Path(result['config']).stem}, batch {result['batch_size']}"
    whole = result["matmul_seconds"] + result["other_seconds"]
    samples = result["shard_samples"]
    headings = ("layer", "forward", "backward", "GFLOP/s")
    table = [
        (
            row["name"],
            microseconds(row["forward_seconds"]),
            microseconds(row["backward_seconds"]),
            "–" if row["gflops"] is None else f"{row['gflops']:.1f}",
        )
        for row in rows
    ]
    lines = [line(*headings), *(line(*row) for row in table)]
    return [
        f"{title}: one worker, {samples} sample{'s' * (samples > 1)}, microseconds",
        *fitted(lines, headings, table, terminal_width()),
        f"matrix products take {microseconds(result['matmul_seconds'])} of "
        f"{microseconds(whole)} ({100 * result['matmul_seconds'] / whole:.0f} %)",
    ]
