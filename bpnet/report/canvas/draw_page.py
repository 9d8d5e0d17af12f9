"""Make a page that is nothing but the canvas; it needs no more than the package itself."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from bpnet.html.page import HERE as SHARED

HERE = Path(__file__).parent
SCRIPTS = ("weights.js", "network.js", "digit.js", "pad.js", "activations.js", "canvas.js")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def draw_page(title: str, networks: dict[str, Any]) -> str:
    """Return the page.

    Args:
        title: of the page.
        networks: what `page_networks` returned, at least one.
    """
    title = html.escape(title)
    styles = [(SHARED / "style.css"), HERE / "canvas.css"]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f'<link rel="icon" href="data:,">\n<title>{title}</title>\n<style>',
            *(path.read_text(encoding="utf-8") for path in styles),
            f"</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>",
            (HERE / "canvas.html").read_text(encoding="utf-8"),
            "</main>",
            data_script(networks),
            *(f"<script>\n{text}</script>" for text in scripts()),
            "</body>\n</html>\n",
        ]
    )


def scripts() -> list[str]:
    """Return the texts of the canvas's scripts, in the order in which they build on each other."""
    return [(HERE / name).read_text(encoding="utf-8") for name in SCRIPTS]


def data_script(networks: dict[str, Any]) -> str:
    """Return the element that holds the networks; no name in them can end it."""
    text = json.dumps(networks, allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="canvas-data">{text}</script>'
