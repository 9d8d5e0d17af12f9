"""`bpnet report`: the page of a run, of several, of networks without pictures or classes."""

import json
import re
import shutil
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bpnet.data.dataset import Dataset, Samples
from bpnet.data.split import split_samples
from bpnet.model.checkpoint import load_checkpoint
from bpnet.training.saving import save_checkpoint
from tests.conftest import TINY, Run
from tests.helpers.accessible import prefer, violations
from tests.helpers.browser import complaints, show
from tests.helpers.tiny import (
    NET,
    TABLE,
    TRAIN,
    after,
    bpnet,
    call,
    draw_dataset,
    fail,
    read_config,
    succeed,
    train,
    write_idx_folder,
)


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


def test_nothing_is_loaded_from_elsewhere(browser: Chrome, tiny_run: Run, tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    text = report(tiny_run.path, "-o", page)
    show(browser, page)
    loaded = "return performance.getEntriesByType('resource').map((one) => one.name)"
    assert all(name.startswith("data:") for name in browser.execute_script(loaded))
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))


def test_curves_go_on_after_the_best_epoch(here: Path) -> None:
    words = ("--set", "optimizer.learning_rate=0.9", "--set", "schedule.name=constant")
    succeed("train", "--config", TINY, "--run-dir", "r", "--epochs", 8, *words)
    text = report("r")
    best = load_checkpoint(here / "r" / "best.npz").epoch
    assert best is not None
    assert best < 8, "otherwise this shows nothing"
    assert f"after epoch {best}" in text
    assert ">8 (" in text
    (table,) = re.findall(r'aria-label="epochs of r">(.*?)</table>', text, flags=re.DOTALL)
    assert table.count("<tr>") == 1 + 8


def test_several_runs_stand_side_by_side(tiny_run: Run, digit_run: Run, tmp_path: Path) -> None:
    text = report(
        tiny_run.path, digit_run.path, tiny_run.path / "last.npz", "-o", tmp_path / "a.html"
    )
    assert re.findall(r'<th scope="col" class="words">(run|run \(2\)|last)</th>', text)[:3] == [
        "run",
        "run (2)",
        "last",
    ]
    networks = json.loads(re.search(r'id="canvas-data">(.*?)</script>', text)[1])["networks"]  # type: ignore[index]
    assert [network["name"] for network in networks] == ["run", "run (2)", "last"]
    assert "run (2) training ends at" in text


def test_runs_answer_to_the_same_drawing(
    browser: Chrome, tiny_run: Run, digit_run: Run, tmp_path: Path
) -> None:
    report(tiny_run.path, digit_run.path, "-o", tmp_path / "a.html")
    show(browser, tmp_path / "a.html")
    browser.execute_script("pad.strokes = [[[40, 60], [240, 60]]]; pad.changed()")
    browser.find_element(By.CSS_SELECTOR, "#network option:nth-child(2)").click()
    assert len(browser.find_elements(By.CSS_SELECTOR, "#chances tr")) == 10
    assert len(browser.execute_script("return pad.strokes[0]")) == 2
    assert browser.execute_script("return network.name") == "run (2)"


def test_no_other_script_runs(browser: Chrome, tiny_run: Run, tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    text = report(tiny_run.path, "-o", page)
    stranger = "<script>document.title = 'strange'</script><img src=x onerror='document.title = 1'>"
    page.write_text(text.replace("<main>", f"<main>{stranger}"), encoding="utf-8")
    show(browser, page)
    assert browser.title == "run"
    assert len(browser.find_elements(By.CSS_SELECTOR, "#chances tr")) == 3, "ours have run"
    assert any("Content Security Policy" in complaint for complaint in complaints(browser))


@pytest.mark.parametrize("name", ["r$\\foo$", "_r", "a b & <i>c"])
def test_strange_names_of_runs(tiny_run: Run, tmp_path: Path, name: str) -> None:
    shutil.copytree(tiny_run.path, tmp_path / name)
    succeed("report", tmp_path / name)
    text = (tmp_path / name / "report.html").read_text(encoding="utf-8")
    assert "<i>c" not in text


def test_pages_stay_below_three_megabytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = Samples(rng.integers(0, 256, (200, 96, 96), dtype=np.uint8), np.arange(200) % 10)
    dataset = Dataset("idx", samples, samples, tuple("0123456789"))
    write_idx_folder(tmp_path / "pictures", dataset)
    layers = "conv 8 kernel=5\n    relu\n    conv 8 kernel=5\n    flatten\n    linear 10"
    data = "[data]\ndataset = idx\npath = pictures\nvalidation = 0\n"
    text = f"{data}[model]\nlayers =\n    {layers}\n[train]\nepochs = 1\n"
    (tmp_path / "noise.ini").write_text(text)
    succeed("train", "--config", tmp_path / "noise.ini", "--run-dir", tmp_path / "run")
    assert len(report(tmp_path / "run")) < 3_000_000
    many = [tmp_path / "run"] * 4  # too many for all that a page shows of one
    assert len(report(*many, "-o", tmp_path / "many.html")) < 3_000_000


def test_long_names_of_classes_keep_to_a_phone(browser: Chrome, tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    names = ["x" * 100, "</script><img src=x onerror=alert(1)>", "two words"]
    config = NET.replace("[model]", f"class_names = {', '.join(names)}\n[model]") + TRAIN
    (tmp_path / "names.ini").write_text(config)
    succeed("train", "--config", tmp_path / "names.ini", "--run-dir", tmp_path / "run")
    pages = [tmp_path / "run" / "report.html", tmp_path / "draw.html"]
    succeed("report", tmp_path / "run")
    succeed("draw", "--no-open", "--checkpoint", tmp_path / "run", "-o", pages[1])
    for page in pages:
        show(browser, page, 375)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 375
        assert browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0
        assert violations(browser) == []
        assert complaints(browser) == []


def test_networks_for_numbers_have_their_errors(tmp_path: Path) -> None:
    (tmp_path / "table.ini").write_text(TABLE)
    succeed("train", "--config", tmp_path / "table.ini", "--run-dir", tmp_path / "run")
    text = report(tmp_path / "run")
    assert "mean absolute error" in text
    assert "The largest errors" in text
    assert "There is no canvas to draw on" in text


def test_weights_without_a_run_have_no_curves(tiny_run: Run, tmp_path: Path) -> None:
    saved = load_checkpoint(tiny_run.path / "best.npz", weights_only=True)
    record = {key: value for key, value in saved.record.items() if key != "progress"}
    save_checkpoint(tmp_path / "weights.npz", record, saved.arrays)
    text = report(tmp_path / "weights.npz", "-o", tmp_path / "a.html")
    assert "How it learned" not in text
    assert "time of training" not in text
    assert "Confusion matrix" in text


def test_train_writes_it_at_the_end(here: Path) -> None:
    words = ("--config", TINY, "--run-dir", "r", "--epochs", 1, "--report")
    answer = succeed("train", *words)
    assert f"report: {here / 'r' / 'report.html'}" in answer.err
    assert "Confusion matrix" in (here / "r" / "report.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_hides_no_score(here: Path) -> None:
    (here / "r").mkdir()
    (here / "r" / "report.html").mkdir()
    answer = call("train", "--config", TINY, "--run-dir", "r", "--epochs", 1, "--report", "--json")
    assert answer.code == 3
    assert json.loads(answer.out)["test_accuracy"] is not None
    assert "the page cannot be written" in answer.err
    assert "choose another place" not in answer.err


def test_what_the_browser_says_is_no_result(tiny_run: Run, tmp_path: Path) -> None:
    words = ("report", tiny_run.path, "--json", "--open", "-o", tmp_path / "a.html")
    done = bpnet(*words, cwd=tmp_path, BROWSER="echo opened %s")
    assert json.loads(done.stdout) == {"report": str(tmp_path / "a.html")}
    assert "opened file://" in done.stderr


def test_the_page_warns_of_hardly_trained_weights(here: Path) -> None:
    train(read_config(folder=here), here / "run", should_stop=after(2))
    text = report("run")
    assert "these weights are hardly trained" in text
    assert "How it learned" not in text


def test_samples_bear_the_numbers_of_the_data_set(tiny_run: Run, tmp_path: Path) -> None:
    text = report(tiny_run.path, "--split", "validation", "-o", tmp_path / "a.html")
    config = load_checkpoint(tiny_run.path / "best.npz").config()
    _, held_out = split_samples(config, draw_dataset(test=50))
    named = {int(number) for number in re.findall(r"sample (\d+): ", text)}
    assert named <= {number + 1 for number in held_out.tolist()}
    assert "--split validation" in text


def test_what_is_missing_is_said_before_anything_is_computed(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    monkeypatch.setattr("bpnet.packages.find_spec", lambda name: None)
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
