"""`bpnet report`: the page of a run, of several, of networks without pictures or classes."""

import json
import re
from importlib import util
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.conftest import TINY, Run
from tests.helpers.accessible import prefer, violations
from tests.helpers.browser import complaints, show
from tests.helpers.tiny import TABLE, fail, succeed


def report(*words: object) -> str:
    """Return the text of a report."""
    path = Path(succeed("report", *words).out.strip())
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def mnist_page(mnist_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of a perceptron on MNIST."""
    from tests.helpers.places import MNIST_FILES

    page = tmp_path_factory.mktemp("report") / "mlp.html"
    succeed("report", mnist_run.path, "-o", page, "--data-dir", MNIST_FILES)
    return page


def test_the_page_of_a_run_lies_in_its_directory(tiny_run: Run, tmp_path: Path) -> None:
    said = json.loads(succeed("report", "--json", tiny_run.path).out)
    page = tiny_run.path / "report.html"
    assert said == {"report": str(page)}
    text = page.read_text(encoding="utf-8")
    page.unlink()
    assert "bpnet verify-run" in text
    assert "epochs = 3" in text
    scored = json.loads(succeed("eval", tiny_run.path, "--json").out)
    assert f"{scored['errors']} errors" in text
    assert f"<strong>{100 * scored['accuracy']:.2f} %</strong>" in text


def test_nothing_is_loaded_from_elsewhere(tiny_run: Run, tmp_path: Path) -> None:
    text = report(tiny_run.path, "-o", tmp_path / "a.html")
    for attribute in re.findall(r'(?:src|href)="([^"]*)"', text):
        assert attribute.startswith(("data:", "#"))
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))


def test_several_runs_stand_side_by_side(tiny_run: Run, digit_run: Run, tmp_path: Path) -> None:
    text = report(
        tiny_run.path, digit_run.path, tiny_run.path / "last.npz", "-o", tmp_path / "a.html"
    )
    assert re.findall(r'<th scope="col">(run|run \(2\)|last)</th>', text)[:3] == [
        "run",
        "run (2)",
        "last",
    ]
    networks = json.loads(re.search(r'id="canvas-data">(.*?)</script>', text)[1])["networks"]  # type: ignore[index]
    assert [network["name"] for network in networks] == ["run", "run (2)", "last"]
    assert "run (2), training ends at" in text


def test_networks_for_numbers_have_their_errors(tmp_path: Path) -> None:
    (tmp_path / "table.ini").write_text(TABLE)
    succeed("train", "--config", tmp_path / "table.ini", "--run-dir", tmp_path / "run")
    text = report(tmp_path / "run")
    assert "mean absolute error" in text
    assert "The largest errors" in text
    assert "There is no canvas to draw on" in text


def test_weights_without_a_run_have_no_curves(mnist_page: Path, tmp_path: Path) -> None:
    from bpnet.model.run_files import WEIGHTS
    from tests.helpers.places import MNIST_FILES

    words = ("--data-dir", MNIST_FILES, "--dataset", "mnist", "-o", tmp_path / "a.html")
    text = report(WEIGHTS, *words)
    assert "How it learned" not in text
    assert "no digit" in text
    assert len(text) < 3_000_000


def test_train_writes_it_at_the_end(here: Path) -> None:
    words = ("--config", TINY, "--run-dir", "r", "--epochs", 1, "--report")
    answer = succeed("train", *words)
    assert f"report: {here / 'r' / 'report.html'}" in answer.err
    assert "Confusion matrix" in (here / "r" / "report.html").read_text(encoding="utf-8")


def test_what_is_missing_is_said_before_anything_is_computed(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    monkeypatch.setattr("bpnet.html.page.find_spec", lambda name: None)
    message = fail(2, "train", "--config", TINY, "--run-dir", "r", "--report")
    assert "pip install jinja2 matplotlib" in message
    assert not (here / "r").exists()
    assert "the page needs jinja2 and matplotlib" in fail(2, "report", "r", "-o", "a.html")


def test_wrong_words(tmp_path: Path, tiny_run: Run) -> None:
    assert "there is no checkpoint here" in fail(
        4, "report", tmp_path / "no", "-o", tmp_path / "a.html"
    )
    assert "not the name of a page" in fail(2, "report", tiny_run.path, "-o", tmp_path / "a.pdf")
    message = fail(3, "report", tiny_run.path, "--dataset", tmp_path, "-o", tmp_path / "a.html")
    assert str(tmp_path) in message
    assert list(tmp_path.iterdir()) == []


def test_names_in_a_page_are_no_markup(tmp_path: Path, tiny_run: Run) -> None:
    name = "</script><script>alert(1)</script>"
    (tmp_path / "x").mkdir()
    evil = tmp_path / "x" / f"{name.replace('/', '∕')}.npz"
    evil.write_bytes((tiny_run.path / "best.npz").read_bytes())
    text = report(evil, "-o", tmp_path / "a.html")
    assert "<script>alert" not in text


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(browser: Chrome, mnist_page: Path, width: int, scheme: str) -> None:
    prefer(browser, scheme)
    show(browser, mnist_page, width)
    assert violations(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert complaints(browser) == []


def test_a_cell_shows_its_pictures(browser: Chrome, mnist_page: Path) -> None:
    show(browser, mnist_page)
    cells = browser.find_elements(By.CSS_SELECTOR, ".confusion td.wrong a")
    shown = browser.find_elements(By.CSS_SELECTOR, ".cell")
    assert not any(cell.is_displayed() for cell in shown)
    cells[0].click()
    (seen,) = [cell for cell in shown if cell.is_displayed()]
    assert len(seen.find_elements(By.TAG_NAME, "img")) == min(12, int(cells[0].text))


def test_without_scripts_all_but_the_canvas_shows(browser: Chrome, mnist_page: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(mnist_page.as_uri())
        text = browser.find_element(By.TAG_NAME, "body").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "Drawing needs JavaScript." in text
    assert "What goes through the network" not in text
    for heading in ("How it learned", "The worst mistakes", "Where its answers come from"):
        assert heading in text


def test_a_page_that_is_not_accessible_is_found(browser: Chrome, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text("<p style='color: #bbb'>pale</p><button></button>")
    show(browser, tmp_path / "bad.html")
    assert {"button-name", "color-contrast"} <= {one["id"] for one in violations(browser)}
