"""`bpnet import`: weights of elsewhere become a checkpoint that other commands take."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bpnet.foreign_weights.description import USUAL_MEAN, USUAL_STD
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.model import Model
from tests.conftest import Run
from tests.helpers.tiny import fail, succeed

LAYERS = "[model]\nlayers =\n    flatten\n    linear 10\n"


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write weights of a linear network for MNIST, as another program would, and its config."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    arrays = {"fc.weight": rng.normal(size=(10, 784)), "fc.bias": rng.normal(size=10)}
    np.savez("net.npz", **arrays)  # type: ignore[arg-type]
    Path("linear.ini").write_text(LAYERS, encoding="utf-8")
    return tmp_path / "net.npz"


def imported(*words: object) -> tuple[dict[str, Any], Model]:
    found = json.loads(succeed("import", *words, "--json").out)
    return found, load_checkpoint(Path(found["checkpoint"])).model()


def test_it_lies_beside_the_source_under_another_name(weights: Path) -> None:
    answer = succeed("import", "net.npz", "--config", "linear.ini")
    place = weights.parent / "net-imported.npz"
    assert answer.out.startswith(f"{place}\n\nnext:\n")
    assert "2.weight ← fc.weight" in answer.err
    assert "inputs: (x/255 − 0.1307) / 0.3081, as usual for MNIST" in answer.err
    views = load_checkpoint(place).model().network.parameters.views
    expected = np.load(weights)["fc.weight"].astype(np.float32)
    assert (views["2.weight"] == expected).all()


@pytest.mark.parametrize(
    ("options", "scale", "offset", "normalize"),
    [
        ([], 1 / (255 * USUAL_STD), -USUAL_MEAN / USUAL_STD, "standard"),
        (["--normalize", "unit"], 1 / 255, 0, "unit"),
        (["--normalize", "none"], 1, 0, "none"),
        (["--mean", 0.5, "--std", 0.25], 4 / 255, -2, "standard"),
        (["--set", "data.normalize=unit"], 1 / 255, 0, "unit"),
    ],
)
def test_pictures_are_normalised_as_it_says(
    weights: Path, options: list[str], scale: float, offset: float, normalize: str
) -> None:
    found, model = imported("net.npz", "--config", "linear.ini", *options)
    assert found["normalization"] == pytest.approx({"scale": scale, "offset": offset})
    assert model.normalization.scale == pytest.approx(scale)
    assert model.config.data.normalize == normalize
    assert found["class_names"] == list(model.class_names) == [*"0123456789"]


def test_predict_and_train_go_on_with_it(weights: Path, tmp_path: Path) -> None:
    succeed("import", "net.npz", "--config", "linear.ini", "-o", "run")
    assert (tmp_path / "run" / "best.npz").is_file()
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save("a.png")
    succeed("predict", "a.png", "--checkpoint", "run")
    drawn = ("data.synthetic_train=60", "data.synthetic_test=20", "data.validation=10")
    settings = [word for one in ("data.dataset=synthetic", *drawn) for word in ("--set", one)]
    answer = succeed(
        *("train", "--from", "run", "--epochs", 1, *settings),
        *("--data-dir", tmp_path, "--run-dir", tmp_path / "new"),
    )
    assert "2.weight" in answer.err


def same_bits(one: Path, other: Path) -> bool:
    models = [load_checkpoint(path).model() for path in (one, other)]
    first, second = ((model.network.parameters.flat, model.network.state.flat) for model in models)
    alike = [model.normalization for model in models], [model.preparation for model in models]
    return all(map(np.array_equal, first, second)) and all(a == b for a, b in alike)


def same_scores(one: Path, other: Path, *keys: str) -> bool:
    scores = [json.loads(succeed("eval", path, "--json").out) for path in (one, other)]
    return all(scores[0][key] == scores[1][key] for key in keys)


def test_an_export_comes_back_with_the_same_bits(tiny_run: Run, tmp_path: Path) -> None:
    pytest.importorskip("safetensors", reason="needs safetensors")
    best = tiny_run.path / "best.npz"
    succeed("export", best, "-o", tmp_path / "a.safetensors")
    succeed("import", tmp_path / "a.safetensors", "-o", tmp_path / "a.npz")
    assert same_bits(best, tmp_path / "a.npz")
    found = load_checkpoint(tmp_path / "a.npz").model()
    assert found.class_names == ("0", "1", "2")
    assert same_scores(best, tmp_path / "a.npz", "confusion", "loss", "temperature")


def test_a_data_set_tells_classes_and_normalisation(tiny_run: Run, tmp_path: Path) -> None:
    best = tiny_run.path / "best.npz"
    names = {"1": "stem", "5": "head"}
    parameters = load_checkpoint(best).model().network.parameters.views.items()
    foreign: dict[str, Any] = {f"{names[name[0]]}{name[1:]}": view for name, view in parameters}
    np.savez(tmp_path / "a.npz", **foreign)
    succeed("import", tmp_path / "a.npz", "--config", tiny_run.config, "-o", tmp_path / "b.npz")
    assert same_bits(best, tmp_path / "b.npz")
    assert same_scores(best, tmp_path / "b.npz", "confusion")  # no temperature was fitted


def test_nothing_is_overwritten(weights: Path) -> None:
    words = ("import", "net.npz", "--config", "linear.ini", "-o")
    assert "nothing is overwritten" in fail(4, *words, "net.npz")
    Path("run").mkdir()
    Path("run/metrics.jsonl").write_text("", encoding="utf-8")
    assert "metrics.jsonl" in fail(4, *words, "run")
    assert "there is no such folder" in fail(4, *words, "none/a.npz")
    assert "there is no such folder" in fail(4, *words, "none/run")


def test_options_that_do_not_fit_are_refused(weights: Path) -> None:
    linear = ("--config", "linear.ini")
    assert "give both" in fail(2, "import", "net.npz", *linear, "--mean", 0.1)
    unit = ("--normalize", "unit", "--mean", 0, "--std", 1)
    assert "takes no --mean" in fail(2, "import", "net.npz", *linear, *unit)
    for mean, std in ((0, 0), ("nan", 1), (0, "nan"), ("inf", 1), (0, -1)):
        moments = ("--mean", mean, "--std", std)
        assert "greys from 0 to 1" in fail(2, "import", "net.npz", *linear, *moments)
    assert "name one with --config" in fail(2, "import", "net.npz", "--set", "train.epochs=1")
    assert "which network they belong to" in fail(2, "import", "net.npz")
    for place in ("net.json", "net.safetensors", "net.pt", "-"):
        message = fail(2, "import", "net.npz", *linear, "-o", place)
        assert "a name that ends in .npz, or a directory's" in message
    assert "do not fit the network" in fail(4, "import", "net.npz", "--config", "mlp")
    assert sorted(path.name for path in Path().iterdir()) == ["linear.ini", "net.npz"]
