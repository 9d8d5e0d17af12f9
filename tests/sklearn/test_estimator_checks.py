"""scikit-learn's own checks of an estimator."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra `sklearn`")

from sklearn.utils.estimator_checks import check_estimator

from bpnet.sklearn import DigitClassifier


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"layers": ("dropout 0.1", "linear 30", "batchnorm", "tanh"), "loss": "mse", "epochs": 10},
        {"validation": 0.2, "early_stopping": 10, "batch_size": 16},
        {"optimizer": "adam", "learning_rate": 0.01, "schedule": "constant"},
    ],
    ids=["defaults", "other layers and loss", "early stopping", "Adam"],
)
def test_all_checks_pass(parameters: dict[str, Any]) -> None:
    results = check_estimator(DigitClassifier(**parameters), on_skip=None)
    skipped = {str(result["exception"]) for result in results if result["status"] == "skipped"}
    needs = ("SCIPY_ARRAY_API is not set", "pandas is not installed")  # of the environment
    assert all(reason.startswith(needs) for reason in skipped)
    assert len(results) > 50


class Forgetful(DigitClassifier):
    """Answer with other probabilities at each call."""

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        return np.random.default_rng().permuted(super().predict_proba(X), axis=1)


def test_a_wrong_estimator_fails() -> None:
    results = check_estimator(Forgetful(epochs=1), on_skip=None, on_fail=None)
    assert "failed" in {result["status"] for result in results}
