"""Look at the page of a step in a browser, as a reader does."""

from pathlib import Path
from typing import Any

from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.teach.trace.page.page import trace_page
from bpnet.teach.trace.trace import trace


class Page:
    """One page in a browser.

    Args:
        driver: of the browser.
        folder: for the page.
    """

    def __init__(self, driver: WebDriver, folder: Path) -> None:
        self.driver = driver
        self.folder = folder
        self.resize(1280, 900)

    def open(self, source: str, *overrides: str, steps: int = 1) -> None:
        self.show(load_config(source, overrides), steps)

    def show(self, config: Config, steps: int = 1) -> None:
        path = self.folder / "page.html"
        path.write_text(trace_page("net", "", config, trace(config, steps)), encoding="utf-8")
        self.driver.get(path.as_uri())

    def resize(self, width: int, height: int) -> None:
        self._devtools("Emulation.setDeviceMetricsOverride", width=width, height=height)

    def colours(self, scheme: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def scripts(self, *, run: bool) -> None:
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not run})

    def _devtools(self, command: str, **size: int) -> None:
        words = {**size, "deviceScaleFactor": 1, "mobile": size["width"] < 500}
        self.driver.execute_cdp_cmd(command, words)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all that are found, at one moment."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)",
            selector,
        )
        return [" ".join(one.split()) for one in found]

    def text(self, selector: str) -> str:
        (found,) = self.texts(selector)
        return found

    def key(self, name: str) -> WebElement:
        return self.find(f'[data-key="{name}"]')

    def click(self, selector: str) -> None:
        self.driver.execute_script("arguments[0].click()", self.find(selector))

    def moment(self, words: str) -> None:
        (button,) = (one for one in self.all("[data-moment]") if one.text == words)
        button.click()

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def errors(self) -> list[Any]:
        found: list[Any] = self.driver.get_log("browser")
        return found

    def weights(self) -> dict[str, tuple[str, str]]:
        """Return value and gradient of every weight in the table."""
        columns = (self.texts(f"#weights {one}") for one in ("th button", ".value", ".gradient"))
        return {name: (value, gradient) for name, value, gradient in zip(*columns, strict=True)}
