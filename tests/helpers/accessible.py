"""Ask axe-core what is wrong with a page for those who cannot see it or use a mouse."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


def violations(browser: Chrome) -> list[dict[str, Any]]:
    """Return the rules that the page in the browser breaks, and where."""
    script = importlib.resources.files("axe_core_python") / "axe.min.js"
    browser.execute_script(script.read_text(encoding="utf-8"))
    ask = "const done = arguments[0]; axe.run().then((found) => done(found.violations));"
    found: list[dict[str, Any]] = browser.execute_async_script(ask)
    return [{"id": one["id"], "at": [node["html"] for node in one["nodes"]][:3]} for one in found]


def prefer(browser: Chrome, scheme: str) -> None:
    """Let pages appear light or dark."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
