"""Parameters of the classifier, the shape of its samples, and what is said of wrong ones."""

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.helpers.places import PROJECT
from tests.helpers.tiny import draw_samples, process_environment

pytest.importorskip("sklearn", reason="needs the extra `sklearn`")

from bpnet.sklearn import DigitClassifier

CONVOLUTION = ("conv 3 kernel=3", "relu", "maxpool 2")
PICTURES = draw_samples(30, seed=1)
X, Y = PICTURES.inputs, PICTURES.targets
ROWS = X.reshape(30, 64)
NUMBERS = np.random.default_rng(0).normal(size=(30, 10))


def fitted(samples: Any = X, labels: Any = Y, **parameters: Any) -> DigitClassifier:
    return DigitClassifier(**{"random_state": 3, "epochs": 1} | parameters).fit(samples, labels)


def layers_of(classifier: DigitClassifier) -> list[str]:
    return [spec.text for spec in classifier.model_.config.model.layers]


# --- Layers and shapes


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (("linear 8", "relu"), ["flatten", "linear 8", "relu", "linear 3"]),
        ((), ["flatten", "linear 3"]),
        (CONVOLUTION, [*CONVOLUTION, "flatten", "linear 3"]),
        ("linear 8\n  relu\n", ["flatten", "linear 8", "relu", "linear 3"]),
        ((*CONVOLUTION, "flatten", "linear 5"), [*CONVOLUTION, "flatten", "linear 5", "linear 3"]),
        (
            ("residual", "linear 64", "relu", "end"),
            ["flatten", "residual", "linear 64", "relu", "end", "linear 3"],
        ),
        ("nielsen", ["flatten", "linear 30", "sigmoid", "linear 3"]),
    ],
)
def test_the_last_layer_is_added(layers: Any, expected: list[str]) -> None:
    assert layers_of(fitted(layers=layers)) == expected
    assert layers_of(fitted(ROWS, layers=layers)) == expected


@pytest.mark.parametrize(
    ("samples", "parameters", "shape"),
    [
        (X, {}, (1, 8, 8)),
        (ROWS, {}, (64,)),
        (ROWS, {"layers": CONVOLUTION}, (1, 8, 8)),
        (ROWS, {"augment": {"shift": 1}}, (1, 8, 8)),
        (ROWS, {"input_shape": (4, 16)}, (1, 4, 16)),
        (ROWS, {"input_shape": (4, 4, 4), "layers": CONVOLUTION}, (4, 4, 4)),
        (X, {"input_shape": (64,)}, (64,)),
        (np.zeros((30, 784)), {}, (1, 28, 28)),
        (X / 255, {"layers": CONVOLUTION}, (1, 8, 8)),
        (NUMBERS, {}, (10,)),
    ],
)
def test_samples_get_the_shape_that_the_network_needs(
    samples: Any, parameters: dict[str, Any], shape: tuple[int, ...]
) -> None:
    classifier = fitted(samples, **parameters)
    assert classifier.model_.network.input_shape == shape
    assert classifier.predict(samples).shape == (30,)


def test_pictures_may_come_as_rows_later() -> None:
    classifier = fitted(layers=CONVOLUTION)
    assert np.array_equal(classifier.predict_proba(X), classifier.predict_proba(ROWS))


def test_every_parameter_reaches_the_config() -> None:
    parameters = {
        "normalize": "unit",
        "loss": "cross_entropy",
        "label_smoothing": 0.1,
        "optimizer": "adamw",
        "learning_rate": 0.002,
        "momentum": 0.8,
        "weight_decay": 0.01,
        "schedule": "cosine",
        "epochs": np.int64(2),
        "batch_size": 7,
        "validation": 0.3,
        "early_stopping": 4,
        "augment": {"shift": 1, "rotate": 6.5},
        "random_state": 12,
    }
    config = fitted(**parameters).model_.config
    assert (config.data.normalize, config.data.validation) == ("unit", 9)
    train = config.train
    assert (train.loss, train.label_smoothing, train.epochs) == ("cross_entropy", 0.1, 2)
    assert (train.batch_size, train.early_stopping, train.seed) == (7, 4, 12)
    rule = config.optimizer
    assert (rule.name, rule.learning_rate) == ("adamw", 0.002)
    assert (rule.momentum, rule.weight_decay) == (0.8, 0.01)
    assert config.schedule.name == "cosine"
    assert (config.augment.shift, config.augment.rotate) == (1, 6.5)


# --- Errors


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epochs": 0}, 'epochs expects a whole number of at least 1 .*found "0"'),
        ({"epochs": 2.5}, 'epochs expects a whole number .*found "2.5"'),
        ({"epochs": True}, 'epochs expects a whole number .*found "True"'),
        ({"epochs": 0, "loss": "huber"}, "2 errors.*loss expects one of .*epochs expects"),
        ({"learning_rate": None}, 'learning_rate expects a number above 0 .*found "None"'),
        ({"optimizer": "adm"}, 'did you mean "adam"'),
        ({"layers": "lenet"}, "there is no such config.*did you mean lenet5"),
        ({"layers": ["lineer 3"]}, 'did you mean "linear"'),
        ({"layers": ["conv 3 kernel=9"]}, r"`conv 3 kernel=9` does not fit \(1, 8, 8\)"),
        ({"layers": 5}, "these are no layers.*found: 5"),
        ({"layers": [5]}, r"these are no layers.*found: \[5\]"),
        ({"input_shape": (3, 3)}, r"do not have this shape.*of 64 features.*found: \(3, 3\)"),
        ({"input_shape": 64}, "do not have this shape.*found: 64"),
        ({"input_shape": ()}, r"do not have this shape.*found: \(\)"),
        ({"validation": 30}, "cannot be held out.*n_samples = 30.*found: 30"),
        ({"validation": 1.0}, "cannot be held out.*found: 1.0"),
        ({"validation": -1}, "cannot be held out.*found: -1"),
        ({"validation": "some"}, "cannot be held out.*found: 'some'"),
        ({"validation": False}, "cannot be held out.*found: False"),
        ({"early_stopping": 2}, "early_stopping needs samples to watch"),
        ({"augment": {"shfit": 1}}, r"did you mean \[augment\] shift"),
        ({"augment": [1]}, "this is no distortion.*found: \\[1\\]"),
        ({"loss": "mse", "label_smoothing": 0.1}, "label_smoothing has no meaning for loss = mse"),
        ({"random_state": -1}, "Seed must be between"),
        ({"random_state": "one"}, "'one' cannot be used to seed"),
    ],
)
def test_a_wrong_parameter_is_a_value_error(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        fitted(**parameters)


@pytest.mark.parametrize(
    ("samples", "parameters", "message"),
    [
        (NUMBERS, {"layers": CONVOLUTION}, r"does not fit \(10,\).*name their input_shape"),
        (NUMBERS, {"augment": {"shift": 1}}, "only grey pictures can be distorted"),
        (X / 255, {"augment": {"shift": 1}}, "whole numbers from 0 to 255.*from 0.0 to 0"),
        (np.repeat(X[..., None], 3, axis=3), {}, "Found array with dim 4"),
        (NUMBERS * 1e300, {}, "cannot be normalised.*StandardScaler"),
        (NUMBERS, {"normalize": "none", "learning_rate": 1e100}, "diverged.*smaller learning_rate"),
    ],
)
def test_samples_that_do_not_fit_are_a_value_error(
    samples: Any, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        fitted(samples, **{"epochs": 5} | parameters)


def test_large_numbers_in_float32_are_measured_in_float64() -> None:
    large = (NUMBERS * 1e37).astype(np.float32)
    expected = fitted(NUMBERS.astype(np.float32)).predict_proba(NUMBERS.astype(np.float32))
    assert np.allclose(fitted(large).predict_proba(large), expected, atol=1e-3)


# --- The extra


def run_python(code: str) -> str:
    words = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        words, env=process_environment(), cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_scikit_learn_is_loaded_with_the_classifier_alone() -> None:
    code = (
        "import sys, bpnet, bpnet.sklearn\n"
        "print([name for name in ('sklearn', 'numpy') if name in sys.modules])\n"
        "from bpnet.sklearn import DigitClassifier\n"
        "import sklearn\n"
        "print(sklearn.__name__, bpnet.sklearn.DigitClassifier is DigitClassifier)\n"
    )
    assert run_python(code) == "[]\nsklearn True\n"


def test_without_scikit_learn_the_message_says_what_to_install() -> None:
    code = (
        "import sys\n"
        "sys.modules['sklearn'] = None\n"
        "import bpnet.sklearn\n"
        "try:\n"
        "    from bpnet.sklearn import DigitClassifier\n"
        "except ImportError as error:\n"
        "    print(error)\n"
        "try:\n"
        "    bpnet.sklearn.Classifier\n"
        "except AttributeError as error:\n"
        "    print(error)\n"
    )
    said = run_python(code)
    assert "scikit-learn is not installed" in said
    assert "pip install scikit-learn" in said
    assert "has no attribute 'Classifier'" in said
