"""Open pages of steps for all tests of this folder."""

from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver

from tests.helpers.step_page import Page


@pytest.fixture
def page(browser: WebDriver, tmp_path: Path) -> Page:
    return Page(browser, tmp_path)
