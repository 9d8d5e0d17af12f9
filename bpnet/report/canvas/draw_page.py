"""Make a page that is nothing but the canvas; it needs no more than the package itself."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpnet.html.page import HERE as SHARED
from bpnet.html.page import policy_for
from bpnet.version import __version__

HERE = Path(__file__).parent
SCRIPTS = ("weights.js", "network.js", "digit.js", "pad.js", "activations.js", "canvas.js")


@dataclass(frozen=True)
class CanvasParts:
    """Hold what a page with the canvas takes in: its style, its elements, its scripts."""

    style: str
    body: str
    scripts: list[str]


def parts() -> CanvasParts:
    """Return the parts of the canvas; the scripts build on each other in this order."""
    names = ("canvas.css", "canvas.html", *SCRIPTS)
    style, body, *scripts = ((HERE / name).read_text(encoding="utf-8") for name in names)
    return CanvasParts(style, body, scripts)


def draw_page(title: str, networks: dict[str, Any]) -> str:
    """Return the page.

    Args:
        title: of the page.
        networks: what `page_networks` returned, at least one.
    """
    title, canvas = html.escape(title), parts()
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy_for(canvas.scripts)}">',
            f'<meta name="generator" content="bpnet {__version__}">',
            f'<link rel="icon" href="data:,">\n<title>{title}</title>\n<style>',
            (SHARED / "style.css").read_text(encoding="utf-8"),
            f"{canvas.style}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>",
            f"{canvas.body}</main>",
            data_script(networks),
            *(f"<script>{script}</script>" for script in canvas.scripts),
            "</body>\n</html>\n",
        ]
    )


def data_script(networks: dict[str, Any]) -> str:
    """Return the element that holds the networks; no name in them can end it."""
    text = json.dumps(networks, allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="canvas-data">{text}</script>'
