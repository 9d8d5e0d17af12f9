"""Write the page of a sweep: all that has come of it so far."""

from __future__ import annotations

from pathlib import Path

from bpnet.errors import counted


def write_sweep_page(folder: Path, page: Path, option: str | None = None) -> Path:
    """Write the page of the sweep in a folder, and return where it is.

    Args:
        folder: of the sweep.
        page: where to write.
        option: by which another place can be chosen, if there is one.

    Raises:
        BpnetError: what has come of the sweep cannot be read, or the page not be written.
    """
    from bpnet.cli.sweep_text import result_lines
    from bpnet.html.page import write_page
    from bpnet.sweep.page.page import sweep_page
    from bpnet.sweep.stored import read_stored

    stored = read_stored(folder)
    ended = sum(len(one.rows) for one in stored.standings)
    told = [f"{ended:,} of {counted(stored.runs, 'run has', 'runs have')} ended"]
    if ended == stored.runs:
        told = result_lines(stored.best, stored.scores)
    name = folder.absolute().name
    write_page(page, sweep_page(stored.sweep, name, stored.standings, told), option)
    return page
