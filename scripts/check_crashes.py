"""Bring about faults while bpnet works, and check that nothing is lost.

    python scripts/check_crashes.py [--kills N] [--seed N] [PART …]

The parts: `kills` kills training and resumes it until it is done, which must give the same bits as
a run without any kill; `disks` fills the disk, makes it fail and makes it read-only (as root);
`downloads` kills `data fetch` and `data synthesize`; `interrupts` sends Ctrl-C to every command at
every stage. Exit code 1 where anything went wrong.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from faults.disks import check_disks
from faults.downloads import check_downloads
from faults.interrupts import check_interrupts
from faults.kills import check_kills
from faults.runs import Tally


def main() -> None:
    """Run the chosen parts, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    parts: dict[str, Callable[[Path], Tally]] = {
        "kills": partial(check_kills, kills=options.kills, seed=options.seed),
        "disks": partial(check_disks, seed=options.seed),
        "downloads": partial(check_downloads, seed=options.seed),
        "interrupts": partial(check_interrupts, seed=options.seed),
    }
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's `&` ignores it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as `nohup` does this one
    faults = 0
    for name in options.parts or parts:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="bpnet-crashes-") as folder:
            tally = parts[name](Path(folder))
        tally.tell(f"{name}, {time.monotonic() - began:.0f} s")
        faults += len(tally.faults)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
