"""Kill training with SIGKILL: at random moments, while it writes, or one of its workers."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

from bpnet.model.run_files import BEST, LAST
from faults.runs import (
    Tally,
    being_written,
    children,
    differences,
    finish,
    is_whole,
    left_behind,
    start,
)

COMMON = (
    *("data.dataset=synthetic", "data.synthetic_train=600", "data.synthetic_test=20"),
    *("data.validation=100", "train.batch_size=20", "augment.shift=1"),
)
RECIPES = (  # what a checkpoint can hold, in three runs of a few seconds
    (
        "model.layers=conv 4 kernel=5,batchnorm,relu,maxpool 4,dropout 0.2,flatten,linear 10",
        *("train.epochs=40", "train.ema=0.9", "optimizer.nesterov=yes"),
    ),
    (
        "model.layers=flatten,linear 300,relu,linear 10",
        *("train.epochs=120", "train.split=units", "optimizer.name=adamw"),
        "schedule.name=cosine",
    ),
    (
        "model.layers=flatten,linear 200,batchnorm,tanh,dropout 0.3,linear 10",
        *("train.epochs=80", "optimizer.name=rmsprop", "optimizer.learning_rate=0.001"),
        *("schedule.name=step", "train.grad_clip=1", "train.early_stopping=40"),
    ),
)
WORKERS = ("1", "2", "threads", "2 threads", "2 processes")
MODES = ("moment", "writing", "worker")
LONGEST_LIFE = 1.5  # seconds between the first checkpoint of a process and its end


def settings(recipe: int) -> list[str]:
    """Return the options by which a recipe is trained."""
    return [word for text in (*COMMON, *RECIPES[recipe]) for word in ("--set", text)]


def check_kills(folder: Path, kills: int, seed: int) -> Tally:
    """Kill runs until there were so many kills; each must end as if there had been none."""
    rng, tally = random.Random(seed), Tally()
    config = folder / "empty.ini"
    config.write_text("")
    data = ("--data-dir", folder)
    for recipe in range(len(RECIPES)):
        words = ("train", "--config", config, *settings(recipe), *data)
        done = finish(*words, "--run-dir", folder / f"whole-{recipe}")
        tally.expect(done.returncode == 0, f"recipe {recipe}: {done.stderr}")
    number = 0
    while sum(tally.counts.get(f"kills: {mode}", 0) for mode in MODES) < kills:
        recipe = number % len(RECIPES)
        run_dir = folder / f"run-{number}"
        kill_until_done(recipe, config, run_dir, data, rng, tally)
        for what in differences(folder / f"whole-{recipe}", run_dir):
            tally.expect(False, f"run {number} of recipe {recipe}: {what} differs")
        tally.expect(not left_behind(run_dir), f"run {number}: {left_behind(run_dir)} are left")
        tally.count("runs")
        shutil.rmtree(run_dir)
        number += 1
    return tally


def kill_until_done(
    recipe: int,
    config: Path,
    run_dir: Path,
    data: tuple[object, ...],
    rng: random.Random,
    tally: Tally,
) -> None:
    """Start a run, kill it, resume it with other workers, and so on until it is done."""
    while True:
        how = ["--resume", run_dir] if (run_dir / LAST).exists() else None
        if how is None:
            shutil.rmtree(run_dir, ignore_errors=True)  # killed before it had saved anything
            how = ["--config", config, *settings(recipe), "--run-dir", run_dir]
        words = ("train", *how, *data, "--workers", rng.choice(WORKERS))
        mode = rng.choice(MODES)
        process = start(*words, stdout=subprocess.DEVNULL)
        killed = kill_somewhere(process, run_dir, mode, rng)
        message = process.communicate(timeout=120)[1]
        if killed:
            tally.count(f"kills: {mode}")
        for name in (LAST, BEST):
            tally.expect(is_whole(run_dir / name), f"{name} is damaged after a kill ({mode})")
        if process.returncode == 0:
            return
        if killed and mode == "worker":
            fits = process.returncode == 1 and "a worker process has ended" in message
            tally.expect(fits, f"a killed worker gave {process.returncode}: {message}")
        else:
            is_ours = process.returncode == -signal.SIGKILL
            tally.expect(is_ours, f"a run ended with {process.returncode}: {message}")
            if not is_ours:
                raise SystemExit("this run cannot go on")


def kill_somewhere(
    process: subprocess.Popen[str], run_dir: Path, mode: str, rng: random.Random
) -> bool:
    """Kill the process, or one of its workers; return whether that came before its end."""
    began = (run_dir / LAST).stat().st_mtime_ns if (run_dir / LAST).exists() else None
    while process.poll() is None and not has_saved(run_dir, began) and rng.random() < 0.999:
        time.sleep(0.001)  # now and then the kill comes before the first checkpoint
    end = time.monotonic() + rng.uniform(0, LONGEST_LIFE)
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.001)
    victims = [process.pid]
    if mode == "writing":
        while process.poll() is None and not being_written(run_dir):
            time.sleep(0.0001)
        time.sleep(rng.choice((0, rng.uniform(0, 0.004))))
    elif mode == "worker":
        victims = children(process.pid)
    if process.poll() is not None or not victims:
        return False
    os.kill(rng.choice(victims), signal.SIGKILL)
    return True


def has_saved(run_dir: Path, began: int | None) -> bool:
    """Return whether the process has written a checkpoint."""
    try:
        return (run_dir / LAST).stat().st_mtime_ns != began
    except OSError:
        return False
