"""A loaded network: what it answers, and what it says of inputs that do not fit."""

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bpnet
from bpnet.model.run_files import ASSETS
from tests.conftest import Run
from tests.helpers.notebook import html_of
from tests.helpers.tiny import TABLE, draw_dataset, draw_samples, succeed

SEVEN = ASSETS / "seven.jpg"
Pictures = NDArray[np.uint8]


@pytest.fixture(scope="module")
def shipped() -> bpnet.Model:
    return bpnet.load()


@pytest.fixture(scope="module")
def digits() -> Pictures:
    """Draw ten digits as MNIST has them."""
    from bpnet.data.synthetic import draw_digits

    return draw_digits(np.arange(10), 1)[0]


# Loading


def test_a_run_a_checkpoint_and_the_shipped_weights_are_loaded(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for place in (tiny_run.path, str(tiny_run.path), tiny_run.path / "best.npz"):
        assert bpnet.load(place).path == tiny_run.path / "best.npz"
    assert bpnet.load("digits").path == bpnet.load().path
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "one").symlink_to(tiny_run.path)
    monkeypatch.chdir(tmp_path)
    assert bpnet.load("last").classes == ("0", "1", "2")


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(bpnet.CheckpointError, match="there is no checkpoint here"):
        bpnet.load(tmp_path / "none.npz")
    with pytest.raises(bpnet.CheckpointError, match="holds no checkpoint"):
        bpnet.load(tmp_path)


def test_weights_that_are_hardly_trained_are_warned_of(tmp_path: Path) -> None:
    def stop(epoch: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bpnet.train(
            "keras", run_dir=tmp_path / "run", settings={"checkpoint.every": 99}, on_epoch=stop
        )
    with pytest.warns(bpnet.BpnetWarning, match="hardly trained"):
        bpnet.load(tmp_path / "run" / "last.npz")


def test_it_shows_its_layers(shipped: bpnet.Model) -> None:
    assert "1.conv" in repr(shipped)
    assert "<td" in html_of(shipped)
    assert shipped.layers.parameters == 143_243
    assert shipped.settings["train"]["loss"] == "cross_entropy"


# Answers


def test_arrays_are_answered_as_eval_answers_them(tiny_run: Run) -> None:
    model, samples = bpnet.load(tiny_run.path), draw_samples(50, 2)
    labels, probabilities = model.predict(samples.inputs)
    assert labels.shape == (50,)
    assert probabilities.shape == (50, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    said = json.loads(succeed("eval", tiny_run.path, "--json").out)
    score = model.evaluate(samples.inputs, samples.targets)
    assert (labels == samples.targets).mean() == score.accuracy == said["accuracy"]
    assert score.loss == said["loss"]
    assert score.confusion is not None
    assert score.confusion.tolist() == said["confusion"]
    whole = model.evaluate(tiny_run.path.parent / "pictures")
    assert (whole.accuracy, whole.split, whole.samples) == (score.accuracy, "test", 50)
    assert model.evaluate().errors == score.errors
    assert model.evaluate(split="validation").samples == 20


def test_pictures_of_every_kind_are_answered(shipped: bpnet.Model, digits: Pictures) -> None:
    labels = shipped.predict(digits).labels
    assert labels.tolist() == list(range(10))
    image = Image.open(SEVEN)
    mix = [SEVEN, str(SEVEN), image, np.asarray(image), image.convert("CMYK"), digits[4]]
    with SEVEN.open("rb") as file:
        answers = shipped.predict([*mix, file, SEVEN.read_bytes()])
    assert answers.labels.tolist() == [7, 7, 7, 7, 7, 4, 7, 7]
    assert answers.names == ["7", "7", "7", "7", "7", "4", "7", "7"]
    assert shipped.predict(SEVEN).labels.tolist() == [7]
    assert shipped.predict(digits[3]).labels.tolist() == [3]
    assert shipped.predict(digits[:, None]).labels.tolist() == labels.tolist()
    assert shipped.predict(digits[..., None].astype(np.int64)).labels.tolist() == labels.tolist()
    for same in (list(digits), iter(digits), digits.tolist()):
        assert shipped.predict(same).labels.tolist() == labels.tolist()
    assert shipped.predict(bytearray(SEVEN.read_bytes())).labels.tolist() == [7]
    coloured = np.stack([digits] * 3, axis=-1)
    assert shipped.predict(list(coloured)).labels.shape == (10,)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "HSV", "I;16", "I", "F"])
def test_pillow_images_of_every_mode_are_read(shipped: bpnet.Model, mode: str) -> None:
    assert shipped.predict(Image.open(SEVEN).convert(mode)).labels.tolist() == [7]


def test_a_blank_picture_has_no_class(shipped: bpnet.Model) -> None:
    answers = shipped.predict(Image.new("L", (60, 60), 255))
    assert answers.labels.tolist() == [-1]
    assert answers.names == [None]
    assert not answers.probabilities.any()
    assert "blank" in repr(answers)


def test_answers_are_a_pair_that_shows_its_names(shipped: bpnet.Model, digits: Pictures) -> None:
    answers = shipped.predict(np.concatenate([digits, digits]))
    assert "and 10 more" in repr(answers)
    assert "<table>" in html_of(answers)
    again = pickle.loads(pickle.dumps(answers))
    assert again.names == answers.names
    labels, probabilities = again
    assert (labels == answers.labels).all()
    assert (probabilities == answers.probabilities).all()


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (lambda images: images / 255, 'give (255 * images).round().astype("uint8")'),
        (lambda images: images.astype(float), 'give images.round().astype("uint8")'),
        (lambda images: images / 127.5 - 1, "127.5 * (images + 1)"),
        (lambda images: images > 0, 'give images.astype("uint8") * 255'),
        (lambda images: images.astype(np.int64) * 9, "bring the pixels to 0–255"),
        (lambda images: images.reshape(10, 784), "give images.reshape(-1, 28, 28)"),
        (lambda images: images.reshape(-1), "give images.reshape(-1, 28, 28)"),
        (lambda images: images[:0], "an empty array"),
        (lambda images: images[:, :20], "found: shape (10, 20, 28)"),
        (lambda images: [], "there are no pictures"),
        (lambda images: None, "this is not a picture"),
        (lambda images: {"a": 1}, "this is not a picture"),
        (lambda images: [images[0], 5], "images[1]"),
        (lambda images: "nowhere.png", "nowhere.png"),
        (lambda images: Path(__file__), "this is not a picture"),
        (lambda images: np.array(["a"]), "images"),
        (lambda images: images.astype(complex), "an array of complex128"),
        (lambda images: np.stack([images] * 3, axis=-1), "give list(images)"),
        (lambda images: np.pad(images, 1), "give list(images)"),
        (lambda images: ASSETS, "give its files: sorted(Path("),
        (lambda images: io.BytesIO(b""), "where: images\n"),
        (lambda images: io.StringIO("text"), 'open it with mode "rb"'),
    ],
)
def test_what_is_no_picture_gets_advice(
    shipped: bpnet.Model, digits: Pictures, change: Any, advice: str
) -> None:
    with pytest.raises(bpnet.DataError) as caught:
        shipped.predict(change(digits))
    assert advice in str(caught.value)


def test_views_are_averaged(tiny_run: Run) -> None:
    model, images = bpnet.load(tiny_run.path), draw_samples(6, 3).inputs
    one, five = model.predict(images).probabilities, model.predict(images, views=5).probabilities
    assert not np.array_equal(one, five)
    with pytest.raises(bpnet.ConfigError, match="where: views"):
        model.predict(images, views=0)


# Scores


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        ([0, 1], "30 labels"),
        ([3] * 30, "numbers from 0 to 2"),
        (["9"] * 30, "numbers from 0 to 2, or 0, 1, 2"),
        (np.linspace(0, 1, 30), "whole number or text"),
        (None, "their labels"),
    ],
)
def test_labels_that_do_not_fit_get_advice(tiny_run: Run, labels: Any, advice: str) -> None:
    images = draw_samples(30, 2).inputs
    with pytest.raises(bpnet.BpnetError) as caught:
        bpnet.load(tiny_run.path).evaluate(images, labels)
    assert advice in str(caught.value)


def test_labels_may_be_names_or_one_hot(tiny_run: Run) -> None:
    model, samples = bpnet.load(tiny_run.path), draw_samples(30, 2)
    names = [model.classes[number] for number in samples.targets]
    one_hot = np.eye(3)[samples.targets]
    scores = [model.evaluate(samples.inputs, one) for one in (samples.targets, names, one_hot)]
    assert len({score.accuracy for score in scores}) == 1
    assert "accuracy" in repr(scores[0])
    assert "<table>" in html_of(scores[0])
    assert [entry["samples"] for entry in scores[0].per_class] == [10, 10, 10]


def test_other_data_sets_and_splits_are_refused(tiny_run: Run, tmp_path: Path) -> None:
    model = bpnet.load(tiny_run.path)
    with pytest.raises(bpnet.ConfigError, match="no such split"):
        model.evaluate(split="held out")
    with pytest.raises(bpnet.ConfigError, match="there is no such data set"):
        model.evaluate("no/such/folder")
    with pytest.raises(bpnet.ConfigError, match="labels go with arrays"):
        model.evaluate("mnist", [1, 2])
    with pytest.raises(bpnet.ConfigError, match="go with a data set"):
        model.evaluate(draw_samples(3, 2).inputs, [0, 1, 2], split="train")


def test_a_network_of_plain_numbers_estimates(tmp_path: Path) -> None:
    (tmp_path / "net.ini").write_text(TABLE)
    model = bpnet.train(tmp_path / "net.ini", run_dir=tmp_path / "run").model
    assert model.classes == ()
    assert model.estimate([[0, 1], [1, 1]]).shape == (2, 1)
    assert model.estimate([0, 1]).shape == (1, 1)
    score = model.evaluate([[0, 1], [1, 1]], [[1], [2]])
    assert score.accuracy is None
    assert "mae" in repr(score)
    assert "answers with 1 number" in repr(model)
    with pytest.raises(bpnet.ConfigError, match=r"model\.estimate"):
        model.predict([[0, 1]])
    with pytest.raises(bpnet.DataError, match=r"\(samples, 2\)"):
        model.estimate([[0, 1, 2]])
    with pytest.raises(bpnet.DataError, match="not finite"):
        model.estimate([[0, np.nan]])


# Saving


def test_a_saved_network_answers_the_same(tiny_run: Run, tmp_path: Path) -> None:
    model, images = bpnet.load(tiny_run.path), draw_samples(9, 5).inputs
    again = bpnet.load(model.save(tmp_path / "copy.npz"))
    assert np.array_equal(again.predict(images)[1], model.predict(images)[1])
    said = json.loads(succeed("eval", tmp_path / "copy.npz", "--json").out)
    assert said["accuracy"] == bpnet.load(tiny_run.path).evaluate().accuracy
    with pytest.raises(bpnet.CheckpointError, match="choose another place with path"):
        model.save(tmp_path / "nowhere" / "copy.npz")
    assert draw_dataset().class_names == again.classes
