"""Write the section "The library" of bpnet/README.md, from the docstrings.

    python scripts/write_library_page.py

A test holds the section equal to what this writes, and runs the examples.
"""

from __future__ import annotations

import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import bpnet

PAGE = Path(__file__).parent.parent / "bpnet" / "README.md"
TITLE = "## The library"
SECTION = re.compile(r"(Args|Returns|Raises|Source):", re.MULTILINE)
WORDS = {"Args": "Arguments", "Returns": "Returns", "Raises": "Errors", "Source": "Source"}
HOLDS = "It holds"  # of a class that functions make
WIDTH = 100
EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
ENTRY = re.compile(r"^(\w+): ", re.MULTILINE)


def section() -> str:
    """Return the whole section, which ends with an empty line."""
    intro = inspect.getdoc(bpnet)
    assert intro is not None
    parts = [TITLE, *_paragraphs(intro)]
    found = {name: getattr(bpnet, name) for name in bpnet.__all__ if not name.startswith("_")}
    errors = {name: kind for name, kind in found.items() if _is_error(kind)}
    for name, member in found.items():
        if name not in errors:
            parts += _described(name, member)
    lines = [_item(f"bpnet.{name}", _first(kind)) for name, kind in errors.items()]
    parts += ["### Errors and warnings", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def write(page: str) -> str:
    """Return a page with the section as it should be."""
    return page[: page.index(TITLE + "\n")] + section()  # the last one


def _is_error(member: Any) -> bool:
    return isinstance(member, type) and issubclass(member, Exception | Warning)


def _described(name: str, member: Any) -> Iterator[str]:
    """Yield heading, signature and text of a function or class, and of its methods."""
    yield f"### `bpnet.{name}`"
    is_made_here = name == "Network" or not isinstance(member, type)
    if is_made_here:
        yield _code(f"bpnet.{name}{_signature(member)}")
    yield from _paragraphs(inspect.getdoc(member) or "", "" if is_made_here else HOLDS)
    if not isinstance(member, type):
        return
    public = {inner: found for inner, found in vars(member).items() if not inner.startswith("_")}
    facts = [
        _item(f"{name}.{inner}", _first(found).removeprefix("Return "))
        for inner, found in public.items()
        if isinstance(found, property | cached_property)
    ]
    if facts:
        yield "\n".join(facts)
    for inner, found in public.items():
        if inspect.isfunction(found):
            yield _code(f"{name}.{inner}{_signature(found)}")
            yield from _paragraphs(inspect.getdoc(found) or "")


def _signature(function: Any) -> str:
    """Return names and defaults of the arguments, without types, in short lines."""
    found = inspect.signature(function)
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in found.parameters.items()
        if name != "self"
    ]
    text = str(found.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    text = text.replace("'", '"')  # as the formatter has it, which looks into pages too
    return textwrap.fill(text, WIDTH - 20, subsequent_indent="    ")


def _paragraphs(text: str, holds: str = "") -> Iterator[str]:
    """Yield a docstring as Markdown, paragraph by paragraph.

    Args:
        text: of the docstring.
        holds: words for the arguments of a class that users do not make themselves.
    """
    parts = SECTION.split(text)
    yield from _prose(parts[0])
    for kind, content in zip(parts[1::2], parts[2::2], strict=True):
        entries = inspect.cleandoc(content)
        if kind in ("Args", "Raises"):
            starts = [match.start() for match in ENTRY.finditer(entries)] + [len(entries)]
            items = [entries[a:b] for a, b in itertools.pairwise(starts)]
            lines = [_item(*item.split(": ", 1)) for item in items]
            word = (kind == "Args" and holds) or WORDS[kind]
            yield "\n".join([f"{word}:", "", *lines])
        else:
            yield _flowing(f"{WORDS[kind]}: {entries}")


def _prose(text: str) -> Iterator[str]:
    """Yield paragraphs, with examples as code."""
    for paragraph in text.strip().split("\n\n"):
        if EXAMPLE.match(paragraph):
            yield _code(paragraph)
        elif paragraph.startswith("    "):
            yield _code(inspect.cleandoc(paragraph))
        elif paragraph:
            yield _flowing(paragraph)


def _item(name: str, text: str) -> str:
    return textwrap.indent(_flowing(f"`{name}`: {text}", WIDTH - 2), "  ").replace("  ", "- ", 1)


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _first(member: Any) -> str:
    return (inspect.getdoc(member) or "").partition("\n\n")[0]


def _flowing(text: str, width: int = WIDTH) -> str:
    """Return a text in lines of this width, in which a star is no more than a star."""
    plain = " ".join(text.split()).replace(" *", r" \*")
    return textwrap.fill(plain, width, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    PAGE.write_text(write(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
