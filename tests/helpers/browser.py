"""Open pages in headless Chromium, as readers do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-quic", "--disable-sync", "--no-proxy-server"),
)


def open_browser(profile: Path) -> Chrome:
    """Start a browser whose profile lies in an empty directory; whoever calls this quits it."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    assert CHROMIUM is not None
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*OPTIONS, f"--user-data-dir={profile}", "--window-size=1280,900"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options, Service(DRIVER))


def show(browser: Chrome, page: Path, width: int = 1280, height: int = 900) -> None:
    """Load a page in a window of this size."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.absolute().as_uri())


def complaints(browser: Chrome) -> list[str]:
    """Return what the browser's console has said since the last call."""
    return [entry["message"] for entry in browser.get_log("browser")]


def settle(browser: Chrome) -> None:
    """Wait until the page has drawn what was last asked of it."""
    twice = "requestAnimationFrame(() => requestAnimationFrame(() => done(true)))"
    browser.execute_async_script(f"const done = arguments[0]; {twice};")
