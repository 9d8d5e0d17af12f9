"""Fill templates, and write pages that need nothing but a browser."""

from __future__ import annotations

import base64
import hashlib
import os
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.errors import ConfigError, DataError
from bpnet.files import demand_place, write_text
from bpnet.packages import demand_packages
from bpnet.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {}"
SUFFIXES = (".html", ".htm")


def render(
    folder: Path, template: str, values: Mapping[str, Any], scripts: Sequence[str] = ()
) -> str:
    """Return a page: a template filled with values, which are escaped.

    A template extends `base.html`, which takes in the scripts. Data for them stand in a
    `<script type="application/json">` by the filter `tojson`.

    Args:
        folder: of the template.
        template: its file name.
        values: what its names stand for; a missing one is an error.
        scripts: texts of scripts, in the order in which they run.
    """
    of_page = {"scripts": scripts, "policy": policy_for(scripts)}
    return _environment(folder).get_template(template).render({**values, **of_page})


def policy_for(scripts: Sequence[str]) -> str:
    """Return what a page may load and run: nothing but these scripts, known by their SHA-256."""
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    known = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    return POLICY.format(" ".join(known) or "'none'")


@lru_cache
def _environment(folder: Path) -> Environment:
    """Return Jinja2's environment for templates of a folder and those that all share."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    folders = (folder, HERE)
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def source(name: str) -> Markup:
        """Return a style sheet of ours as it stands."""
        found = next(path for path in (one / name for one in folders) if path.is_file())
        return Markup(found.read_text(encoding="utf-8"))

    environment.globals |= {"source": source, "version": __version__}
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    environment.policies["json.dumps_kwargs"] = compact  # names keep their order
    return environment


def check_place(path: Path, option: str) -> None:
    """Make sure that a page can lie there.

    Args:
        path: of the page.
        option: by which it was given.

    Raises:
        ConfigError: the name does not end in .html.
        DataError: there is no such folder, or something else is there.
    """
    if path.suffix.lower() not in SUFFIXES:
        expected = "a name that ends in .html"
        raise ConfigError(
            "this is not the name of a page", where=option, expected=expected, found=path
        )
    demand_place(path, "page")


def demand(where: str, *packages: str) -> None:
    """Make sure that packages are there which only pages need.

    Args:
        where: the command or option that needs them.
        packages: by the names under which they are imported and installed.

    Raises:
        ConfigError: one of them is missing.
    """
    demand_packages("the page", where, *packages)


def write_page(path: Path, page: str, option: str | None) -> None:
    """Put a page in its place in one step.

    Args:
        path: of the page.
        page: its text.
        option: by which another place can be chosen, if there is one.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        write_text(path, page)
    except OSError as error:
        raise DataError(
            "the page cannot be written",
            where=path,
            found=error.strerror or str(error),
            hint=None if option is None else f"choose another place with {option}",
        ) from error


def open_page(path: Path) -> bool:
    """Open a page in the user's browser; return whether there is one.

    What the browser says goes to standard error: standard output belongs to the command.
    """
    if os.environ.get("BROWSER") == "":  # asked for none
        return False
    with _output_to_error(), suppress(webbrowser.Error):
        return webbrowser.open(path.absolute().as_uri())
    return False


@contextmanager
def _output_to_error() -> Iterator[None]:
    """Let processes that are started meanwhile write to standard error alone."""
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of them is closed
        yield
        return
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
