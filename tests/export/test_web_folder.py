"""The folder for a web page: it reads what is drawn, opened from the disk or from a server."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bpnet.errors import ConfigError
from bpnet.export.formats import make_export
from bpnet.export.web_folder import NAMES
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import WEIGHTS
from tests.helpers.browser import complaints, settle
from tests.helpers.random_model import random_model


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("web") / "page"
    make_export(load_checkpoint(WEIGHTS).model(fast=False), path, "digits").write()
    return path


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """Serve the folder as any static server does."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def answer_to_the_first_example(browser: Chrome, address: str) -> str:
    complaints(browser)
    browser.get(address)
    browser.find_element(By.CSS_SELECTOR, "#examples button").click()
    settle(browser)
    assert complaints(browser) == []
    return browser.find_element(By.ID, "answer").text


def test_it_reads_digits_from_the_disk(browser: Chrome, folder: Path) -> None:
    address = (folder / "index.html").as_uri()
    assert answer_to_the_first_example(browser, address).startswith("0, 9")


def test_it_reads_digits_from_a_server(browser: Chrome, address: str) -> None:
    assert answer_to_the_first_example(browser, address).startswith("0, 9")


def test_it_may_load_and_run_its_own_files_alone(browser: Chrome, address: str) -> None:
    browser.get(address)
    ran = browser.execute_async_script(
        """const done = arguments[0], script = document.createElement("script");
        script.text = "window.ran = true";
        document.head.append(script);
        fetch("data:,x").then(() => done("fetched"), () => done(window.ran ?? "nothing"));"""
    )
    assert ran == "nothing"
    browser.get_log("browser")


def test_it_holds_what_it_names_and_nothing_of_the_network(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == set(NAMES)
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert all(name in page for name in NAMES if name != "index.html")
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8").replace("http-equiv", "")
        assert "http" not in text.replace("http://www.w3.org", ""), path


def test_a_network_that_reads_no_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing can be drawn"):
        make_export(random_model("flatten | linear 3"), tmp_path / "web", "net")
    assert list(tmp_path.iterdir()) == []
