"""The scikit-learn classifier as its users meet it."""

import copy
import doctest
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.mnist import load_mnist
from bpnet.data.split import stratified_split
from bpnet.errors import CheckpointError
from bpnet.model.checkpoint import load_checkpoint
from bpnet.seeding import derive_rng
from tests.helpers.places import MNIST_FILES, PROJECT, needs_data
from tests.helpers.tiny import (
    draw_dataset,
    draw_samples,
    fail,
    read_config,
    succeed,
    train,
    weights,
)

pytest.importorskip("sklearn", reason="needs the extra `sklearn`")

import joblib
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from bpnet.sklearn import DigitClassifier

CONVOLUTION = ("conv 3 kernel=3", "relu", "maxpool 2")
PICTURES = draw_samples(90, seed=1)
X, Y = PICTURES.inputs, PICTURES.targets
ROWS = X.reshape(90, 64)


def fitted(samples: Any = X, labels: Any = Y, **parameters: Any) -> DigitClassifier:
    return DigitClassifier(**{"random_state": 3, "epochs": 3} | parameters).fit(samples, labels)


def trained(classifier: DigitClassifier) -> NDArray[Any]:
    return weights(classifier.model_)


# --- What it learns


@needs_data
def test_it_reads_the_digits_of_mnist() -> None:
    digits = load_mnist("mnist", MNIST_FILES)
    few = slice(3000)
    images, labels = digits.train.inputs[few], digits.train.targets[few]
    layers = ("conv 8 kernel=5", "maxpool 2", "relu")
    classifier = DigitClassifier(layers, epochs=3, augment={"shift": 1}, random_state=0)
    classifier.fit(images, labels.astype(str))
    assert classifier.score(digits.test.inputs[few], digits.test.targets[few].astype(str)) > 0.9
    assert classifier.n_features_in_ == 784


def test_it_learns_numbers_of_different_scales_behind_a_scaler() -> None:
    features, labels = load_wine(return_X_y=True)
    classifier = make_pipeline(StandardScaler(), DigitClassifier(random_state=0))
    assert cross_val_score(classifier, features, labels, cv=3).mean() > 0.95


@pytest.mark.parametrize("labels", [["one", "two", "three"], [-7, 2, 40], [0.0, 0.5, 1.0]])
def test_labels_may_be_anything(labels: list[Any]) -> None:
    given = np.array(labels)[Y]
    if given.dtype.kind == "f":
        given = given.astype(object).astype(str)
    classifier = fitted(labels=given, epochs=10)
    assert classifier.score(X, given) == 1
    assert classifier.classes_.tolist() == sorted(set(given.tolist()))
    assert classifier.predict_proba(X).shape == (90, 3)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "quadratic", "binary_cross_entropy"])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_loss_gives_probabilities(loss: str, classes: int) -> None:
    y = np.minimum(Y, classes - 1)
    classifier = fitted(labels=y, loss=loss, epochs=30)
    found = classifier.predict_proba(X)
    assert np.allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == classifier.predict(X)).all()
    assert classifier.score(X, y) > 0.9


def test_training_is_told_epoch_by_epoch() -> None:
    classifier = fitted(epochs=6, validation=0.2)
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 6
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0]
    assert classifier.validation_scores_ is not None
    assert len(classifier.validation_scores_) == 6
    assert fitted().validation_scores_ is None


def test_early_stopping_keeps_the_best_epoch() -> None:
    y = np.random.default_rng(0).permutation(Y)  # nothing can be learnt of these
    classifier = fitted(labels=y, epochs=200, validation=30, early_stopping=3)
    assert classifier.n_iter_ < 200
    held_out = stratified_split(y, 30, derive_rng(3, "validation"))[1]
    scores = classifier.validation_scores_
    assert scores is not None
    assert classifier.score(X[held_out], y[held_out]) == max(scores) > scores[-1]


# --- The same network as on the command line


@pytest.mark.parametrize("validation", [0, 20])
def test_it_trains_as_the_command_line_does(tmp_path: Path, validation: int) -> None:
    config = read_config(
        "[data]\ndataset = idx\npath = pictures\n[model]\nlayers =\n    conv 3 kernel=3\n    relu\n"
        "    maxpool 2\n    flatten\n    linear 3\n",
        *("train.epochs=3", "train.batch_size=32", "train.seed=3"),
        f"data.validation={validation}",
    )
    dataset = draw_dataset()
    train(config, tmp_path / "run", dataset)
    samples = dataset.train
    own = fitted(samples.inputs, samples.targets, layers=CONVOLUTION, validation=validation)
    expected = weights(load_checkpoint(tmp_path / "run" / "best.npz").model())
    assert np.array_equal(trained(own), expected)


@needs_data
def test_the_commands_take_what_it_saves(tmp_path: Path) -> None:
    digits = load_mnist("mnist", MNIST_FILES)
    few, path = slice(1000), tmp_path / "digits.npz"
    rows = digits.train.inputs[few].reshape(1000, 784).astype(np.float64)
    classifier = fitted(rows, digits.train.targets[few])
    classifier.save(path)
    right = (classifier.predict(digits.test.inputs) == digits.test.targets).mean()
    scored = succeed("eval", path, "--data-dir", MNIST_FILES, "--json").out
    assert f'"accuracy": {right}' in scored
    succeed("predict", PROJECT / "bpnet/assets/seven.jpg", "--checkpoint", path)
    message = fail(2, "eval", path, "--data-dir", MNIST_FILES, "--split", "train")
    assert "not known to have learned from the samples" in message  # only from some of them


def test_a_network_for_plain_numbers_is_saved_too(tmp_path: Path) -> None:
    path = tmp_path / "numbers.npz"
    fitted(ROWS / 100).save(path)
    assert "2.linear" in succeed("summary", path).out


def test_what_cannot_be_saved_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be written"):
        fitted().save(tmp_path / "nowhere" / "digits.npz")
    with pytest.raises(CheckpointError, match="class_names"):
        fitted(labels=np.array(["a", "b", "c" * 200])[Y]).save(tmp_path / "digits.npz")
    with pytest.raises(NotFittedError):
        DigitClassifier().save(tmp_path / "digits.npz")
    assert not list(tmp_path.iterdir())


# --- The same bits


@pytest.mark.usefixtures("global_random_state")
def test_a_whole_number_gives_the_same_bits() -> None:
    first, second, other = fitted(), fitted(), fitted(random_state=4)
    assert np.array_equal(trained(first), trained(second))
    assert not np.array_equal(trained(first), trained(other))


def test_a_random_state_gives_the_next_network() -> None:
    state = np.random.RandomState(3)
    first, second = fitted(random_state=state), fitted(random_state=state)
    again = fitted(random_state=np.random.RandomState(3))
    assert np.array_equal(trained(first), trained(again))
    assert not np.array_equal(trained(first), trained(second))


def test_without_a_random_state_every_network_is_another() -> None:
    assert not np.array_equal(
        trained(fitted(random_state=None)), trained(fitted(random_state=None))
    )


def test_every_container_gives_the_same_network(tmp_path: Path) -> None:
    expected = trained(fitted(ROWS, layers=CONVOLUTION))
    mapped = np.memmap(tmp_path / "rows", np.uint8, "w+", shape=ROWS.shape)
    mapped[...] = ROWS
    mapped.flags.writeable = False
    wide = np.zeros((90, 128), np.uint8)
    wide[:, ::2] = ROWS
    others = [X, ROWS.tolist(), X.tolist(), mapped, np.asfortranarray(ROWS), wide[:, ::2]]
    others += [ROWS.astype(kind) for kind in ("int64", "float32", "float16", "uint16")]
    for rows in others:
        assert np.array_equal(trained(fitted(rows, layers=CONVOLUTION)), expected), type(rows)


def test_float64_is_computed_in_float64() -> None:
    classifier = fitted(ROWS.astype(np.float64))
    assert classifier.predict_proba(ROWS).dtype == np.float64
    assert fitted(ROWS).predict_proba(ROWS).dtype == np.float32


def test_data_frames_leave_their_names() -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    names = [f"pixel {number}" for number in range(64)]
    classifier = fitted(pandas.DataFrame(ROWS, columns=names))
    assert classifier.feature_names_in_.tolist() == names


# --- In scikit-learn's company


def test_it_is_copied_and_stored(tmp_path: Path) -> None:
    classifier = fitted(layers=("conv 3 kernel=3", "batchnorm", "relu"), validation=20)
    expected = classifier.predict_proba(X)
    joblib.dump(classifier, tmp_path / "classifier.joblib")
    copies = [
        pickle.loads(pickle.dumps(classifier)),
        copy.deepcopy(classifier),
        joblib.load(tmp_path / "classifier.joblib"),
        clone(classifier).fit(X, Y),
    ]
    for other in copies:
        assert np.array_equal(other.predict_proba(X), expected)
        assert other.get_params() == classifier.get_params()
    assert not hasattr(clone(classifier), "model_")


def test_a_grid_is_searched_side_by_side() -> None:
    features, labels = load_digits(n_class=4, return_X_y=True)
    grid = {"layers": [("linear 20", "relu"), CONVOLUTION], "learning_rate": [0.001, 0.05]}
    searches = []
    before = threadpool_info()
    for jobs in (1, 2):
        search = GridSearchCV(DigitClassifier(epochs=3, random_state=0), grid, cv=3)
        with joblib.parallel_config("threading", n_jobs=jobs):
            searches.append(search.fit(features, labels))
    alone, together = (search.cv_results_["mean_test_score"] for search in searches)
    assert np.array_equal(alone, together)
    assert searches[0].best_params_["learning_rate"] == 0.05
    assert searches[0].best_score_ > 0.95
    assert threadpool_info() == before  # of the whole process


def test_nothing_is_written_or_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    given = X.copy()
    fitted(given, validation=20).predict(given)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert np.array_equal(given, X)


def test_the_example_in_the_documents_is_true() -> None:
    page = PROJECT / "bpnet" / "README.md"
    text = page.read_text(encoding="utf-8").partition("\n## scikit-learn\n")[2]
    example = text.partition("```pycon\n")[2].partition("```")[0]
    test = doctest.DocTestParser().get_doctest(example, {}, page.name, str(page), 0)
    result = doctest.DocTestRunner().run(test)
    assert result.attempted > 5
    assert result.failed == 0
