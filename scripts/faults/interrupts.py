"""Send Ctrl-C, or another signal that ends a program, to every command at every stage."""

from __future__ import annotations

import random
import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from bpnet.model.run_files import BEST, LAST
from faults.downloads import gzipped_mnist, slow_server
from faults.kills import COMMON, RECIPES
from faults.runs import Tally, finish, is_whole, left_behind, start

MOMENTS = 12  # of each command and signal, spread over the time that it takes
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
ASSETS = Path(__file__).parents[2] / "bpnet" / "assets"


def check_interrupts(folder: Path, seed: int) -> Tally:
    """Interrupt every command; each must end with the signal's code and one short message."""
    rng, tally = random.Random(seed), Tally()
    with ExitStack() as held:
        tried = commands(folder)
        if source := gzipped_mnist():
            tried |= data_commands(folder, source, held.enter_context(slow_server(source)))
        else:
            tally.count("parts left out (they need MNIST's gzipped files in BPNET_DATA_DIR)")
        interrupt_all(tried, folder, rng, tally)
    left = {path for path in folder.rglob("*") if path.name.endswith((".tmp", ".lock"))}
    tally.expect(not left, f"left behind: {left}")
    return tally


def interrupt_all(
    tried: dict[str, list[object]], folder: Path, rng: random.Random, tally: Tally
) -> None:
    """Interrupt every command at moments spread over the time that it takes."""
    for name, words in tried.items():
        began = time.monotonic()
        done = finish(*words, cwd=folder)
        seconds = time.monotonic() - began
        tally.expect(done.returncode == 0, f"{name}: exit {done.returncode}: {done.stderr}")
        for number in CODES:
            for moment in range(MOMENTS):
                wait = seconds * (moment + rng.random()) / MOMENTS
                interrupt(name, words, number, wait, folder, tally)


def data_commands(folder: Path, source: Path, url: str) -> dict[str, list[object]]:
    """Return a command line for each command that needs MNIST's files; they start from nothing."""
    place = folder / "imported"
    place.mkdir()
    return {
        "verify": ["data", "verify", "--data-dir", source],
        "import": ["data", "import", source, "--data-dir", place],
        "fetch": ["data", "fetch", "--mirror", url, "--data-dir", folder / "fetched"],
    }


def commands(folder: Path) -> dict[str, list[object]]:
    """Return a command line for each command, none of which takes long."""
    config = folder / "empty.ini"
    config.write_text("")
    sets = [word for text in (*COMMON, *RECIPES[0]) for word in ("--set", text)]
    data = ("--data-dir", folder)
    finish("train", "--config", config, *sets, *data, "--run-dir", folder / "ready")
    return {
        "train": ["train", "--config", config, *sets, *data],
        "train --resume": ["train", "--resume", folder / "ready" / LAST, "--epochs", "+4", *data],
        "eval": ["eval", folder / "ready", *data, "--split", "train"],
        "predict": ["predict", "--explain", folder / "out.png", *sorted(ASSETS.glob("*.jpg"))],
        "synthesize": ["data", "synthesize", "--train", 900, "--test", 10, "--seed", 7, *data],
        "info": ["data", "info", *data],
        "summary": ["summary", "lenet5"],
        "gradcheck": ["gradcheck", "--config", "sigmoid"],
        "trace": ["trace", "two-layer"],
        "verify-run": ["verify-run", folder / "ready", *data],
        "bench": ["bench", "--config", "nielsen"],
        "curves": ["curves", "neuron", "-o", folder / "curves.png"],
    }


def interrupt(
    name: str, words: list[object], number: int, wait: float, folder: Path, tally: Tally
) -> None:
    """Start a command, send it a signal after some seconds, and check how it ends."""
    for made in (folder / "imported" / "mnist", folder / "fetched"):
        shutil.rmtree(made, ignore_errors=True)
    process = start(*words, cwd=folder)
    time.sleep(wait)
    process.send_signal(number)
    message = process.communicate(timeout=60)[1]
    code = process.returncode
    signalled = signal.Signals(number).name
    if code == 0:
        tally.count("ended before the signal")
        return
    where = f"{name}, {signalled} after {wait:.2f} s"
    if code == -number or ("Traceback" in message and "bpnet" not in message):
        tally.count("signals before Python had read bpnet")
        return
    tally.expect(code == CODES[signal.Signals(number)], f"{where}: exit {code}: {message}")
    tally.expect("Traceback" not in message, f"{where}: {message}")
    tally.count(f"{signalled} obeyed")
    for run_dir in (folder / "ready", *folder.glob("runs/*")):
        for file in (LAST, BEST):
            tally.expect(is_whole(run_dir / file), f"{where}: {file} is damaged")
        tally.expect(not left_behind(run_dir), f"{where}: {left_behind(run_dir)} are left")
    shutil.rmtree(folder / "runs", ignore_errors=True)
