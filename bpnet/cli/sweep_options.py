"""Hold where and with what the runs of a sweep are trained, and refuse what cannot work."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from bpnet.sweep.settings import Sweep


@dataclass(frozen=True)
class SweepOptions:
    """Hold the options of `bpnet sweep`.

    Args:
        jobs: runs side by side on this machine; None for one on each core.
        scheduler: address of the Dask cluster that trains instead.
        data_dir: where data sets lie.
        mirror: where they are downloaded from first.
        report: write the sweep's page.
    """

    jobs: int | None
    scheduler: str | None
    data_dir: Path | None
    mirror: str | None
    report: bool

    @property
    def words(self) -> list[object]:
        """Return them as they stand in a command."""
        given: dict[str, object] = {"--jobs": self.jobs, "--scheduler": self.scheduler}
        given |= {"--data-dir": self.data_dir, "--mirror": self.mirror}
        words = [w for name, value in given.items() if value is not None for w in (name, value)]
        return [*words, *(["--report"] if self.report else [])]

    def executor(self) -> AbstractContextManager[Executor]:
        """Return what computes the runs."""
        from bpnet.sweep.executors import cluster, local

        return local(self.jobs) if self.scheduler is None else cluster(self.scheduler)

    @property
    def workers(self) -> int:
        """Return how many workers each run has, where its config leaves that open."""
        from bpnet.machine import available_cores

        if self.jobs is None or self.scheduler is not None:
            return 1
        return max(1, available_cores() // self.jobs)

    def demand(self, sweep: Sweep) -> None:
        """Make sure, before anything is written, that the sweep can be trained in this way.

        Raises:
            UsageError: the options contradict each other.
            ConfigError: a library is missing.
        """
        from bpnet.cli.report import NEEDED
        from bpnet.cluster import demand_dask
        from bpnet.html.page import demand
        from bpnet.sweep.halving import demand_optuna
        from bpnet.sweep.settings import ASHA

        if sweep.settings.method == ASHA:
            demand_optuna(sweep.source)
        if self.scheduler is not None:
            demand_dask()
        if self.report:
            demand("--report", *NEEDED)


def demand_alone() -> None:
    """Refuse to be one of several processes, each of which would train all runs.

    Raises:
        UsageError: an MPI launcher has started them. Only the first says so: the others end with
            exit code 0, for at any other one the launcher would kill the first.
    """
    from bpnet.launcher import launched

    place = launched()
    if place is None:
        return
    if place.rank:
        click.get_current_context().exit()
    message = "a sweep starts its own processes: leave mpirun out, and give --jobs or --scheduler."
    raise click.UsageError(message)
