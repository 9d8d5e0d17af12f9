"""Run the tests under other Pythons, other versions of the libraries, and in odd surroundings.

    python scripts/check_platforms.py [--python PYTHON]… [--case NAME]… [--quick]

Each case gets a copy of the checkout. `newest` is a fresh virtual environment for each PYTHON with
the newest libraries, `oldest` one with the oldest that `pyproject.toml` admits, for this Python.
`--python other` stands for the newest Python that is found here beside this one; where there is
none, that is said. `--quick` runs the tests of what depends most on Python and the libraries alone.
The others run in this Python: without assertions, in the locale C, in a folder with blanks and
letters of other scripts, on one core, with four workers, and with 64 KB of /dev/shm (as root).
Exit code 1 where any of them fails.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import which
from types import MappingProxyType

PROJECT = Path(__file__).parents[1]
TESTS = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]
QUICK = (  # a minute on two cores
    *("tests/nn", "tests/model", "tests/fast/test_dropout.py", "tests/training/test_loop.py"),
    *("tests/training/test_optimizer.py", "tests/test_files.py", "tests/test_locks.py"),
    *("tests/test_machine.py", "tests/cli/test_predict.py", "tests/cli/test_shell_words.py"),
    *("tests/cli/test_windows.py", "tests/cli/test_macos.py", "tests/cli/test_closed_pipes.py"),
)
TESTED_WITH = (
    "coverage",
    "hatchling",
    "hypothesis",
    "jinja2",
    "matplotlib",
    "pytest",
    "pytest-xdist",
)
OTHER = "other"
MINORS = (14, 13, 12)  # of Python 3, beside the oldest
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def main() -> None:
    """Run the chosen cases, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", dest="pythons", metavar="PYTHON", default=[])
    parser.add_argument("--case", action="append", dest="cases", choices=CASES, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="run a chosen part of the tests")
    options = parser.parse_args()
    if options.quick:
        TESTS.extend(["-n", "2", *QUICK])
    failed = 0
    for name in options.cases or CASES:
        pythons = map(present, options.pythons) if name == "newest" else [sys.executable]
        for python in filter(None, pythons):
            with tempfile.TemporaryDirectory(prefix="bpnet-platform-") as folder:
                began = time.monotonic()
                code, told = CASES[name](Path(folder), python)
                seconds = time.monotonic() - began
            print(f"{name} ({version_of(python)}): {told}, {seconds:.0f} s", flush=True)
            failed += code != 0
    sys.exit(1 if failed else 0)


def present(python: str) -> str | None:
    """Return a Python, or the newest one beside this if any `other` will do; None without one."""
    if python != OTHER:
        return python
    for minor in MINORS:
        name = f"3.{minor}"
        if name in version_of(sys.executable):
            continue
        managed = sorted(Path.home().glob(f".pyenv/versions/{name}.*/bin/python"))
        with_uv = ["uv", "python", "find", "--no-python-downloads", name]
        asked = subprocess.run(with_uv, capture_output=True, text=True) if which("uv") else None
        places = [which(f"python{name}") or "", *map(str, managed)]
        places += [asked.stdout.strip()] if asked else []
        for place in filter(None, places):
            if (
                subprocess.run([place, "-c", "import ensurepip"], capture_output=True).returncode
                == 0
            ):
                return place
    print("newest: no other Python was found beside this one: not tested", flush=True)
    return None


def newest(folder: Path, python: str) -> tuple[int, str]:
    """Test with the newest libraries that can be installed."""
    tree = copied(folder / "bpnet")
    return run_tests(tree, environment(folder, python, tree, "newest"))


def oldest(folder: Path, python: str) -> tuple[int, str]:
    """Test with the oldest libraries that are declared."""
    tree = copied(folder / "bpnet")
    declared = re.findall(
        r'"([A-Za-z-]+)>=([0-9.]+)"', (tree / "pyproject.toml").read_text("utf-8")
    )
    constraints = folder / "oldest.txt"
    libraries = {name: version for name, version in declared if name != "hatchling"}
    constraints.write_text("".join(f"{name}=={libraries[name]}\n" for name in libraries))
    return run_tests(tree, environment(folder, python, tree, "oldest", "-c", str(constraints)))


def without_assertions(folder: Path, python: str) -> tuple[int, str]:
    """Test with PYTHONOPTIMIZE=1; pytest says that asserts of helpers are left out."""
    quiet = ["-W", "ignore:assertions not in test modules"]
    return run_tests(copied(folder / "bpnet"), python, *quiet, variables={"PYTHONOPTIMIZE": "1"})


def c_locale(folder: Path, python: str) -> tuple[int, str]:
    """Test where the terminal and the file system know ASCII alone."""
    return run_tests(copied(folder / "bpnet"), python, variables=C_LOCALE)


def odd_path(folder: Path, python: str) -> tuple[int, str]:
    """Test in a folder with blanks, accents and other scripts."""
    home = folder / "Übung 7 – 数字 цифры"
    home.mkdir()
    return run_tests(copied(home / "bpnet"), python)


def one_core(folder: Path, python: str) -> tuple[int, str]:
    """Test on a single core (Linux)."""
    return run_tests(copied(folder / "bpnet"), python, before=("taskset", "-c", "0"))


def little_shared_memory(folder: Path, python: str) -> tuple[int, str]:
    """Test with 64 KB of /dev/shm, as containers have it (Linux, root)."""
    mount = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"'
    before = ("unshare", "--mount", "sh", "-c", mount, "sh")
    return run_tests(copied(folder / "bpnet"), python, before=before)


def four_workers(folder: Path, python: str) -> tuple[int, str]:
    """Train the same four shards with one worker and with four of each kind."""
    tree, weights = copied(folder / "bpnet"), set()
    for number, workers in enumerate(("1", "4 threads", "4 processes")):
        run_dir = folder / f"run-{number}"
        words = ["train", "--config", "quickstart", "--epochs", "2", "--set", "train.shards=4"]
        words += ["--workers", workers, "--data-dir", str(folder), "--run-dir", str(run_dir)]
        done = run([python, "-m", "bpnet", *words], tree)
        if done.returncode:
            return done.returncode, done.stderr
        weights.add(weights_of(run_dir))
    return len(weights) - 1, f"{len(weights)} results of 3 kinds of workers"


CASES: dict[str, Callable[[Path, str], tuple[int, str]]] = {
    "newest": newest,
    "oldest": oldest,
    "without-assertions": without_assertions,
    "c-locale": c_locale,
    "odd-path": odd_path,
    "one-core": one_core,
    "four-workers": four_workers,
    "little-shared-memory": little_shared_memory,
}


def copied(target: Path) -> Path:
    """Return a copy of the checkout, without what git ignores."""
    names = run(["git", "ls-files", "-co", "--exclude-standard", "-z"], PROJECT).stdout.split("\0")
    for name in filter(None, names):
        if (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, target / name)
    if (PROJECT.parent / "shared").is_dir():
        (target.parent / "shared").symlink_to(PROJECT.parent / "shared")
    return target


def environment(folder: Path, python: str, tree: Path, name: str, *options: str) -> str:
    """Make a virtual environment for a copy; return its Python."""
    made = folder / name
    subprocess.run([python, "-m", "venv", made], check=True)
    words = [str(made / "bin/pip"), "install", "-q", *options, str(tree)]
    subprocess.run([*words, *TESTED_WITH], check=True)
    return str(made / "bin/python")


def run(words: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and keep what it says."""
    return subprocess.run(
        words,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)} | variables,
        capture_output=True,
        text=True,
    )


def run_tests(
    tree: Path,
    python: str,
    *options: str,
    before: tuple[str, ...] = (),
    variables: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, str]:
    """Run the tests of a copy; return the exit code and their last line."""
    done = run([*before, python, *TESTS, *options], tree, **variables)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode, "\n".join([*lines, *(done.stdout or done.stderr).splitlines()[-1:]])


def weights_of(run_dir: Path) -> bytes:
    """Return the weights that a run ended with."""
    from bpnet.model.checkpoint import load_checkpoint

    arrays = load_checkpoint(run_dir / "last.npz").arrays
    return b"".join(arrays[name].tobytes() for name in sorted(arrays))


def version_of(python: str) -> str:
    """Return what a Python says of itself."""
    return subprocess.run([python, "--version"], capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
