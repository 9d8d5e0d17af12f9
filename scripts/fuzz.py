"""Read hostile inputs for as long as you like, and keep those that a reader does not stand.

    python scripts/fuzz.py TARGET [--seconds N] [--seed N] [--findings DIR]
    python scripts/fuzz.py TARGET --replay FILE

The inputs are those of `tests/helpers/fuzz/`: good files, damaged and altered with what the format
allows. Atheris, the fuzzer of libFuzzer for Python, changes them so that they reach more and more
of bpnet's code. Only documented errors may come out, within 5 s of processor time and 500 MB for
each input. Whatever else happens is a finding: its input and traceback are written to DIR, once for
each place in the code, and the exit code is 1.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

if TYPE_CHECKING:
    from tests.helpers.fuzz.target import Target

NAMES = ("idx", "checkpoint", "config", "set", "picture", "stdin", "import")
LONGEST = 4096  # bytes of choices
REPORT_EVERY = 60  # seconds


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=Path("findings"), metavar="DIR")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="read one input again")
    options = parser.parse_args()
    if options.replay:
        replay(options.target, options.replay.read_bytes())
    else:
        fuzz(options)


def find_target(name: str) -> "Target":
    """Return the target of that name, imported only now so that Atheris sees its imports."""
    from tests.helpers.fuzz.targets import TARGETS

    return TARGETS[name]


def replay(name: str, data: bytes) -> None:
    """Read one input again; what it raises is shown with its traceback."""
    from tests.helpers.fuzz.target import check

    with tempfile.TemporaryDirectory() as folder:
        check(find_target(name), data, Path(folder))
    print("only documented errors")


def fuzz(options: argparse.Namespace) -> None:
    """Let Atheris choose inputs until the time is up."""
    try:
        import atheris
    except ImportError:
        sys.exit("fuzzing needs Atheris (Linux, Python 3.11 to 3.13): pip install atheris")
    with atheris.instrument_imports(include=["bpnet"]):
        folder = Path(tempfile.mkdtemp())
        session = Session(options, folder)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(session.target.seeds()):
            (corpus / str(number)).write_bytes(seed)
        settings = [f"-seed={options.seed}", f"-max_len={LONGEST}", "-print_final_stats=0"]
        quiet = ["-verbosity=0", "-timeout=60", "-rss_limit_mb=2000"]  # the check is stricter
        quiet.append(f"-artifact_prefix={options.findings}/")
        atheris.Setup([sys.argv[0], *settings, *quiet, str(corpus)], session)
        atheris.Fuzz()


class Session:
    """Count inputs and findings, and leave once the time is up."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        from tests.helpers.fuzz.target import check

        self.check = check
        self.target = find_target(options.target)
        self.findings: Path = options.findings
        self.folder = folder
        self.inputs = folder / "inputs"
        self.inputs.mkdir()
        self.seconds: float = options.seconds
        self.begin = self.reported = time.monotonic()
        self.count = 0
        self.found: Counter[str] = Counter()

    def __call__(self, data: bytes) -> None:
        """Read one input."""
        self.count += 1
        try:
            self.check(self.target, data, self.inputs)
        except Exception as error:
            self.keep(data, error)
        now = time.monotonic()
        if now - self.reported > REPORT_EVERY:
            self.reported = now
            self.report()
        if now - self.begin > self.seconds:
            self.report()
            shutil.rmtree(self.folder)
            os._exit(1 if self.found else 0)  # libFuzzer would call any other end a crash

    def keep(self, data: bytes, error: Exception) -> None:
        """Write down a finding, unless one from the same place is there."""
        name = f"{self.target.name}-{type(error).__name__}-{place_of(error)}"
        self.found[name] += 1
        if self.found[name] == 1:
            text = "".join(traceback.format_exception(error))
            self.findings.mkdir(parents=True, exist_ok=True)
            (self.findings / name).write_bytes(data)
            (self.findings / f"{name}.txt").write_text(text, encoding="utf-8", errors="replace")
            print(f"finding: {self.findings / name}: {str(error)[:200]!r}", flush=True)

    def report(self) -> None:
        """Print how far the session is."""
        minutes = (time.monotonic() - self.begin) / 60
        found = f"{len(self.found)} findings"
        print(
            f"{self.target.name}: {self.count} inputs, {minutes:.1f} minutes, {found}", flush=True
        )


def place_of(error: Exception) -> str:
    """Return where in bpnet an error came from, or how its message begins."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(PROJECT / "bpnet")]
    if own:
        return f"{Path(own[-1].filename).stem}-{own[-1].lineno}"
    return "-".join(re.findall("[a-z]+", str(error))[:5])


if __name__ == "__main__":
    main()
