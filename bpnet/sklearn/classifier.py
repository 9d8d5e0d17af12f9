"""Train networks as a scikit-learn classifier."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from bpnet.errors import CheckpointError
from bpnet.machine import blas_threads
from bpnet.model.blocks import probabilities
from bpnet.model.ensemble import Ensemble
from bpnet.model.model import Model
from bpnet.model.workers import Workers
from bpnet.sklearn.fitting import fit_model, restored, stored
from bpnet.sklearn.samples import as_rows, build_dataset, demand_greys, dtype_of, sample_shape
from bpnet.sklearn.settings import as_value_errors, read_settings, reworded, with_dataset
from bpnet.training.saving import save_checkpoint

LARGEST_DRAWN_SEED = 2**31 - 1
DIGITS = tuple("0123456789")


class DigitClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # of untyped bases
    """Classify digits, other pictures or rows of numbers with a network of bpnet.

    Args:
        layers: hidden layers, each a line of a config, as `("conv 16 kernel=3", "relu")`; or the
            name of a preset, whose hidden layers are taken. A last layer with an output for each
            class, and `flatten` before the first linear layer, are added.
        input_shape: (height, width) or (channels, height, width) of samples that come as rows.
            By default rows of 784 features, and others where `layers` or `augment` need pictures,
            are square ones; all others are plain numbers.
        normalize: `standard` subtracts the mean of all numbers and divides by their deviation;
            `unit` divides whole greys by 255; `none` leaves the numbers as they are.
        loss: `cross_entropy`, `mse`, `quadratic` or `binary_cross_entropy`.
        label_smoothing: fraction of a target that is spread over all classes.
        optimizer: `sgd`, `adam`, `adamw`, `rmsprop` or `adagrad`.
        learning_rate: at its peak.
        momentum: of sgd: fraction of the last step that is kept.
        weight_decay: pull of weights towards 0.
        schedule: `constant`, `step`, `cosine` or `one_cycle`.
        epochs: passes over the samples.
        batch_size: samples of a step.
        validation: samples held out, or a fraction of all, to choose the best epoch by.
        early_stopping: epochs without improvement before training stops; 0 goes on to the end.
        augment: keys and values of `[augment]`, as `{"shift": 1, "rotate": 6}`: how training
            pictures are distorted. They must hold whole greys, 0–255.
        random_state: the same whole number gives the same bits, and is the `seed` of a config.

    Attributes:
        classes_: the labels (classes,), sorted.
        n_features_in_: numbers of a sample.
        feature_names_in_: their names, if the samples had some.
        n_iter_: epochs that were trained.
        loss_curve_: mean loss of the training samples in each epoch.
        validation_scores_: accuracy on the held-out samples after each epoch; None without any.
        model_: the trained network, a `bpnet.model.model.Model`.

    Samples are rows (samples, features), or pictures (samples, height, width). Where they are of
    float64, as most of scikit-learn's are, so is the network; of any other type, uint8 included, it
    computes in float32, which is twice as fast.
    """

    def __init__(
        self,
        layers: Sequence[str] | str = ("linear 100", "relu"),
        *,
        input_shape: Sequence[int] | None = None,
        normalize: str = "standard",
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        optimizer: str = "sgd",
        learning_rate: float = 0.05,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        schedule: str = "one_cycle",
        epochs: int = 20,
        batch_size: int = 32,
        validation: float = 0,
        early_stopping: int = 0,
        augment: Mapping[str, float] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.layers = layers
        self.input_shape = input_shape
        self.normalize = normalize
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation = validation
        self.early_stopping = early_stopping
        self.augment = augment
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Train on samples and their labels.

        Args:
            X: rows (samples, features) or pictures (samples, height, width) of real numbers.
            y: labels (samples,) of any kind: numbers, words.

        Returns:
            The classifier itself.

        Raises:
            ValueError: a parameter or a sample cannot be used, or training diverged.
        """
        rows, seen = as_rows(X)
        rows, y = validate_data(self, rows, y)
        check_classification_targets(y)
        self.classes_, targets = np.unique(y, return_inverse=True)
        count = len(self.classes_)
        config = read_settings(
            self.get_params(), count, len(rows), self._draw_seed(), dtype_of(rows)
        )
        shape = sample_shape(config, rows.shape[1], count, self.input_shape, seen)
        names = tuple(map(str, self.classes_.tolist()))
        if (shape, names) == ((1, 28, 28), DIGITS):
            config = with_dataset(config, "mnist")  # what `bpnet eval` scores it on by default
        dataset = build_dataset(rows, targets.astype(np.int64), shape, names)
        demand_greys(config, dataset)
        with as_value_errors():
            self.model_, history = fit_model(config, dataset)
        self._fingerprint = dataset.fingerprint()
        self.n_iter_ = len(history)
        self.loss_curve_ = [epoch["train_loss"] for epoch in history]
        scores = [epoch["validation_accuracy"] for epoch in history]
        self.validation_scores_ = scores if config.data.validation else None
        return self

    def predict_proba(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the probability of each class (samples, classes), in the order of `classes_`."""
        check_is_fitted(self)
        rows = validate_data(self, as_rows(X)[0], reset=False)
        model: Model = self.model_
        inputs = rows.reshape(len(rows), *model.network.input_shape)
        with blas_threads(1), Workers(1) as workers:
            return probabilities(Ensemble([model]), inputs, workers)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the most probable label (samples,) of each sample."""
        found = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[found]
        return labels

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trained network as a checkpoint that the commands of bpnet take.

        Raises:
            CheckpointError: the file cannot be written, or a label is longer than 100 characters.
        """
        check_is_fitted(self)
        record, arrays = stored(self.model_)
        try:
            save_checkpoint(Path(path), record | {"fingerprint": self._fingerprint}, arrays)
        except CheckpointError as error:
            hint = "choose another path, or labels that a record can hold; nothing was overwritten"
            raise reworded(CheckpointError, error, hint) from error

    def _draw_seed(self) -> int:
        """Return the seed that `random_state` gives."""
        given: Any = self.random_state
        state = check_random_state(given)
        is_seed = isinstance(given, int | np.integer)
        return int(given if is_seed else state.randint(LARGEST_DRAWN_SEED))

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: of the network, what a checkpoint would hold."""
        state: dict[str, Any] = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = stored(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the network again."""
        if "model_" in state:
            state = state | {"model_": restored(*state["model_"])}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn should know: pictures may come with three axes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
