"""Make the files of a web page on which a network reads what is drawn.

Any static server can serve the folder, and a browser can open it from the disk. The page loads
nothing but the files beside it: the canvas' own scripts, and the weights as a script that holds
them, since browsers let no page read other files from the disk.
"""

from __future__ import annotations

import json
from typing import Any

from bpnet.errors import ConfigError
from bpnet.html.page import HERE as SHARED
from bpnet.model.model import Model
from bpnet.report.canvas.draw_page import HERE, SCRIPTS
from bpnet.report.canvas.drawn_examples import drawn_examples
from bpnet.report.canvas.page_network import obstacle, page_networks
from bpnet.version import __version__

TITLE = "Draw a digit"
PAGE, STYLE, NETWORKS = "index.html", "style.css", "networks.js"
NAMES = (NETWORKS, STYLE, *SCRIPTS, PAGE)
POLICY = "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'"


def web_files(model: Model, name: str) -> dict[str, str]:
    """Return the texts of the files by their names, the page itself last.

    Args:
        model: the network that answers.
        name: its name.

    Raises:
        ConfigError: nothing can be drawn for this network.
    """
    if (found := obstacle(model)) is not None:
        raise ConfigError("nothing can be drawn for this network", where=name, found=found)
    networks = page_networks([model], [name], [drawn_examples(model)])
    styles = (SHARED / "style.css", HERE / "canvas.css")
    scripts = {name: (HERE / name).read_text(encoding="utf-8") for name in SCRIPTS}
    return {
        NETWORKS: _networks_script(networks),
        STYLE: "".join(path.read_text(encoding="utf-8") for path in styles),
        **scripts,
        PAGE: _page(),
    }


def _page() -> str:
    canvas = (HERE / "canvas.html").read_text(encoding="utf-8")
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f'<meta name="generator" content="bpnet {__version__}">',
            f'<link rel="icon" href="data:,">\n<title>{TITLE}</title>',
            f'<link rel="stylesheet" href="{STYLE}">\n</head>\n<body>\n<main>\n<h1>{TITLE}</h1>',
            f"{canvas}</main>",
            *(f'<script src="{name}"></script>' for name in (NETWORKS, *SCRIPTS)),
            "</body>\n</html>\n",
        ]
    )


def _networks_script(networks: dict[str, Any]) -> str:
    """Return a script that puts the networks where `canvas.js` looks for them."""
    text = json.dumps(json.dumps(networks, allow_nan=False))
    return f"""/* The weights of the network, and how it sees and answers. */

"use strict";

document.head.append(Object.assign(document.createElement("script"), {{
  type: "application/json",
  id: "canvas-data",
  text: {text},
}}));
"""
