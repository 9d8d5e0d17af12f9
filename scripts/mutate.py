"""Change bpnet's code a little, again and again, and count how often the tests notice.

    python scripts/mutate.py [--mutants N] [--seed S] [--keep DIR] [FILE …]

Mutants are drawn by the seed, as many from each file as from the others. Each runs in a process of
its own, on a private copy of the project, against the tests that run the changed lines: the fastest
first, up to the first that fails, and no further than --budget seconds of tests. Mutants that
change no result are listed, with the reason, in `scripts/mutation/equivalent.toml`; they are not
tried. Ends with 1 if fewer than nine in ten of the others are caught.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mutation.equivalent import equivalent_mutants
from mutation.mutants import Mutant, draw_mutants
from mutation.reach import Reach, measure_reach, read_reach
from mutation.record_reach import DURATIONS
from mutation.trial import Outcome, run_tests, try_mutant

PROJECT = Path(__file__).resolve().parents[1]
LEAST_CAUGHT = 0.9
CONTROL = 1800  # seconds that all tests may take together
TRAINING = (
    *("adaptive", "averaging", "loop", "optimizer", "optimizers", "progress", "resume"),
    *("saving", "schedule", "textbook", "transfer", "step/update"),
)
FILES = (
    *sorted(path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("bpnet/nn/[!_]*.py")),
    *(f"bpnet/training/{name}.py" for name in TRAINING),
    *(f"bpnet/model/{name}.py" for name in ("archive", "checkpoint", "record")),
)


def copy_project(project: Path, destination: Path) -> None:
    """Copy a project without what was built, trained or cached in it."""
    leave_out = (".git", ".venv*", ".*_cache", "__pycache__", ".coverage*", "build", "dist", "runs")
    shutil.copytree(project, destination, ignore=shutil.ignore_patterns(*leave_out))


def try_all(
    project: Path, reach: Reach, mutants: Sequence[Mutant], budget: float
) -> list[tuple[Mutant, Outcome]]:
    """Try one mutant after the other and print those that are not killed."""
    equivalent = {mutant.key for mutant in equivalent_mutants()}
    results = []
    for number, mutant in enumerate(mutants, 1):
        outcome = Outcome.EQUIVALENT
        if mutant.key not in equivalent:
            tests = reach.tests_of(mutant, budget)
            patience = 20 + 3 * sum(reach.seconds[test] for test in tests)
            outcome, _ = try_mutant(project, mutant, tests, patience)
        results.append((mutant, outcome))
        if outcome is not Outcome.KILLED:
            place = f"{mutant.file}:{mutant.number}"
            print(f"{number}/{len(mutants)} {outcome.value}: {place}")
            print(f"  - {mutant.line}\n  + {mutant.changed}", flush=True)
    return results


def print_table(results: Sequence[tuple[Mutant, Outcome]]) -> None:
    """Print what became of the mutants of each file, and of all."""
    counts = Counter((mutant.file, outcome) for mutant, outcome in results)
    counts.update(("all", outcome) for _, outcome in results)
    print(f"\n| file | mutants | {' | '.join(one.value for one in Outcome)} |\n{'|---' * 6}|")
    for file in dict.fromkeys(file for file, _ in counts):
        row = [counts[file, outcome] for outcome in Outcome]
        print(f"| `{file}` | {sum(row)} | {' | '.join(map(str, row))} |")


def caught_share(outcomes: Sequence[Outcome]) -> float:
    """Return the share of mutants that the tests catch, by failing or by running without end."""
    counts = Counter(outcomes)
    changing = len(outcomes) - counts[Outcome.EQUIVALENT]
    return (counts[Outcome.KILLED] + counts[Outcome.TIMED_OUT]) / max(changing, 1)


def main() -> int:
    """Try the mutants and return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", default=FILES, metavar="FILE")
    parser.add_argument("--mutants", type=int, default=400, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--budget", type=float, default=20.0, metavar="SECONDS")
    parser.add_argument("--project", type=Path, default=PROJECT, metavar="DIR")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the copy, or use that kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = (options.keep or Path(folder, "project")).resolve()
        if (project / DURATIONS).exists():
            reach = read_reach(project)
        else:
            copy_project(options.project, project)
            reach = measure_reach(project)
        sources = {file: (project / file).read_text(encoding="utf-8") for file in options.files}
        mutants = draw_mutants(sources, options.mutants, options.seed)
        tests = {test for mutant in mutants for test in reach.tests_of(mutant, options.budget)}
        outcome, said = run_tests(project, reach.fastest_first(tests), CONTROL)
        if outcome is not Outcome.SURVIVED:
            print(f"the tests must pass, the fastest first, before anything is changed:\n{said}")
            return 2
        results = try_all(project, reach, mutants, options.budget)
    print_table(results)
    caught = caught_share([outcome for _, outcome in results])
    print(f"\n{caught:.1%} of those that change anything were caught")
    return int(caught < LEAST_CAUGHT)


if __name__ == "__main__":
    sys.exit(main())
