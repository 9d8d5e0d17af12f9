"""Fill templates, and write pages that need nothing but a browser."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bpnet.disk import DIRECTORY, FILE, NOTHING, what_is_at
from bpnet.errors import ConfigError, DataError
from bpnet.files import write_text

HERE = Path(__file__).parent
SUFFIXES = (".html", ".htm")


def render(folder: Path, template: str, values: Mapping[str, Any]) -> str:
    """Return a page: a template filled with values, which are escaped.

    A template extends `base.html` and takes in its scripts by `{{ source("name.js") }}`; data for
    them stand in a `<script type="application/json">` by the filter `tojson`.

    Args:
        folder: of the template and its scripts.
        template: its file name.
        values: what its names stand for; a missing one is an error.
    """
    page: str = _environment(folder).get_template(template).render(values)
    return page


@lru_cache
def _environment(folder: Path) -> Any:
    """Return Jinja2's environment for templates of a folder and those that all share."""
    jinja2 = import_module("jinja2")
    markup = import_module("markupsafe").Markup
    folders = (folder, HERE)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def source(name: str) -> Any:
        """Return a style sheet or script of ours as it stands."""
        found = next(path for path in (one / name for one in folders) if path.is_file())
        return markup(found.read_text(encoding="utf-8"))

    environment.globals["source"] = source
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    environment.policies["json.dumps_kwargs"] = compact  # names keep their order
    return environment


def check_page(path: Path, option: str) -> None:
    """Make sure, before anything is computed, that a page can be made and written there.

    Args:
        path: of the page.
        option: by which it was given.

    Raises:
        ConfigError: Jinja2 is missing, or the name does not end in .html.
        DataError: there is no such folder, or something else is there.
    """
    if path.suffix.lower() not in SUFFIXES:
        expected = "a name that ends in .html"
        raise ConfigError(
            "this is not the name of a page", where=option, expected=expected, found=path
        )
    found = what_is_at(path.parent)
    if found != DIRECTORY:
        raise DataError(
            "there is no such folder", where=path.parent, found=found, hint="create it first"
        )
    if (found := what_is_at(path)) not in (FILE, NOTHING):
        raise DataError("there can be no page here", where=path, found=found)
    demand_templates(option)


def demand_templates(where: str) -> None:
    """Make sure that Jinja2 is there.

    Raises:
        ConfigError: it is not.
    """
    if find_spec("jinja2") is None:
        raise ConfigError("pages need Jinja2", where=where, hint="pip install 'bpnet[report]'")


def write_page(path: Path, page: str, option: str) -> None:
    """Put a page in its place in one step.

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
            hint=f"choose another place with {option}",
        ) from error


def open_page(path: Path) -> bool:
    """Open a page in the user's browser; return whether there is one."""
    if os.environ.get("BROWSER") == "":  # asked for none
        return False
    return webbrowser.open(path.absolute().as_uri())
