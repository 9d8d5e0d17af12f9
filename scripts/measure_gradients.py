#!/usr/bin/env python3
"""Check the gradients of presets and examples, and write a table of errors and costs.

    python scripts/measure_gradients.py [PRESET|EXAMPLE …]

Without names, all are checked. The cost is the median of three rounds, each of which takes every
network in turn.
"""

import argparse
import statistics

from bpnet.config.loading import load_config
from bpnet.config.presets import example_paths, preset_paths
from bpnet.teach.gradcheck.gradcheck import Report, run_gradcheck
from bpnet.teach.gradcheck.report_text import duration

ROUNDS = 3
HEADINGS = (
    *("network", "parameters", "gradients checked", "largest relative error", "forward"),
    *("backward", "backward / forward", "finite differences", "speed-up"),
)


def row(name: str, reports: list[Report]) -> str:
    """Return a network's line of the table, with the medians of its costs."""
    checks = [check for report in reports for check in report.checks]
    costs = [report.cost for report in reports]
    forward = statistics.median(cost.forward for cost in costs)
    ratio = statistics.median(cost.backward_over_forward for cost in costs)
    differences = statistics.median(cost.finite_differences for cost in costs)
    speedup = statistics.median(cost.speedup for cost in costs)
    worst = max(check.relative_error or 0.0 for check in checks)
    cells = [
        *(f"`{name}`", f"{costs[0].parameters:,}", f"{len(reports[0].checks)}", f"{worst:.0e}"),
        *(duration(forward), duration(ratio * forward), f"{ratio:.2f}"),
        *(duration(differences), f"{speedup:,.0f}" if speedup >= 10 else f"{speedup:.1f}"),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Read the command line, measure, and print the table."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everything = [*preset_paths(), *example_paths()]
    parser.add_argument("names", nargs="*", default=everything, metavar="PRESET|EXAMPLE")
    names = parser.parse_args().names
    found: dict[str, list[Report]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            found[name].append(run_gradcheck(load_config(name)))
    print(f"| {' | '.join(HEADINGS)} |")
    print("|" + "---|" * len(HEADINGS))
    for name, reports in found.items():
        print(row(name, reports), flush=True)


if __name__ == "__main__":
    main()
