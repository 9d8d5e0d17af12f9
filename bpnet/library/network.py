"""Build a small network layer by layer, and look at every number of its training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.network import build_layers
from bpnet.errors import ConfigError, DataError, listed
from bpnet.library.arrays import as_array, as_numbers
from bpnet.library.html import text
from bpnet.library.layer_table import LayerTable
from bpnet.library.settings import read_sections
from bpnet.model.build import build_model
from bpnet.model.inputs import Normalization
from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array, Shape
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.training import textbook
from bpnet.training.optimizers import build_optimizer

PLAIN_DESCENT = {"momentum": 0, "nesterov": "no", "weight_decay": 0}


class Network:
    """Chain layers, each computed on its own, as the textbook has it.

    >>> net = bpnet.Network(["linear 3", "sigmoid", "linear 2"], input_shape=2, loss="mse")
    >>> net.forward([[0.5, -1.0], [2.0, 0.0]]).shape
    (2, 2)
    >>> gradients = net.gradients([[0.5, -1.0]], [[1.0, 0.0]])
    >>> gradients["1.weight"].shape
    (3, 2)
    >>> before = net.loss([[0.5, -1.0]], [[1.0, 0.0]])
    >>> net.step([[0.5, -1.0]], [[1.0, 0.0]], learning_rate=0.1) == before
    True
    >>> net.loss([[0.5, -1.0]], [[1.0, 0.0]]) < before
    True

    Samples come first: inputs are (samples, *input_shape), outputs (samples, outputs). Numbers go
    in as they are: divide the pixels of pictures by 255.

    Args:
        layers: one line each, as in a config: `"linear 30"`, `"conv 8 kernel=3"`, `"relu"`.
        input_shape: of one sample: how many numbers, or (channels, height, width).
        loss: `cross_entropy`, `mse`, `quadratic` or `binary_cross_entropy`.
        init: starting weights: `he`, `glorot`, `lecun`, `normal` or `zeros`.
        seed: of the starting weights, and of dropout.
        dtype: `float64` or `float32`.
        weights: values of named parameters, as `{"1.weight": [[1, 2], [3, 4]]}`.
        optimizer: settings of the update rule, as `{"name": "adam"}`; by default, plain gradient
            descent, `w ← w − η ∂C/∂w`.

    Raises:
        ConfigError: a line is no layer, a layer does not fit the shape that it is given, or
            weights do not fit their parameter.
    """

    def __init__(
        self,
        layers: Sequence[str],
        *,
        input_shape: int | Shape,
        loss: str = "cross_entropy",
        init: str = "he",
        seed: int = 1,
        dtype: str = "float64",
        weights: Mapping[str, Any] | None = None,
        optimizer: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(layers, str) or not isinstance(layers, Iterable):
            expected = 'a list of lines, as ["linear 30", "sigmoid"]'
            raise ConfigError("these are no layers", expected=expected, found=layers)
        settings: dict[str, Mapping[str, Any]] = {
            "model": {"layers": list(layers), "init": init, "dtype": dtype},
            "train": {"loss": loss, "seed": seed},
            "optimizer": PLAIN_DESCENT if optimizer is None else optimizer,
        }
        if weights is not None:
            settings["weights"] = {
                name: np.ravel(as_array(values, name)) for name, values in weights.items()
            }
        self.input_shape = _shape(input_shape)
        self.config = read_sections(settings, "Network")
        problems: list[str] = []
        built = build_layers(self.config, self.input_shape, None, problems)
        if problems:
            raise ConfigError("the network cannot be built", details=listed(problems))
        if len(built[-1].output_shape) != 1:
            raise ConfigError(
                "the last layer must give numbers in a row",
                where=self.config.model.layers[-1].text,
                found=f"an output of shape {built[-1].output_shape}",
                hint='put "flatten" at the end',
            )
        outputs = built[-1].output_shape[0]
        model = build_model(self.config, self.input_shape, outputs, Normalization()).plain()
        self._network: Sequential = model.network
        for name, values in (weights or {}).items():
            self._demand_shape(name, np.shape(values))
        self._optimizer = build_optimizer(self._network.parameters, self.config.optimizer)
        self._workspaces: dict[bool, Workspace] = {}
        self.steps = 0

    def _demand_shape(self, name: str, shape: Shape) -> None:
        """Make sure that the values of a parameter are as it is, or stand in one row.

        Raises:
            ConfigError: they have another shape.
        """
        expected = self.parameters[name].shape
        if len(shape) > 1 and shape != expected:
            what = "the weights have another shape than their parameter"
            raise ConfigError(what, where=name, expected=expected, found=shape)

    @property
    def parameters(self) -> Mapping[str, Array]:
        """Return weights and biases by name, as `1.weight` (out, in): write to them in place."""
        return MappingProxyType(self._network.parameters.views)

    @property
    def outputs(self) -> int:
        """Return how many numbers the network answers with."""
        return self._network.loss.outputs

    @cached_property
    def layers(self) -> LayerTable:
        """Return the table of the layers: output shapes, parameters, cost and memory."""
        return LayerTable.of(self._network)

    def forward(self, inputs: Any) -> Array:
        """Return the outputs (samples, outputs) of the last layer, without dropout.

        Args:
            inputs: (samples, *input_shape).

        Raises:
            DataError: they have another shape, or are not finite.
        """
        columns = self._columns(inputs)
        return self._outputs(columns).T.copy()

    def predict(self, inputs: Any) -> Array:
        """Return what the outputs (samples, outputs) mean: the probabilities that the loss sees.

        They are `softmax(z)` for `cross_entropy`, `σ(z)` for `binary_cross_entropy`, and the
        outputs themselves for the others.

        Args:
            inputs: (samples, *input_shape).
        """
        columns, loss = self._columns(inputs), self._network.loss
        outputs = self._outputs(columns)
        is_softmax = loss.applies is not None and not loss.answers_questions
        meant = loss.probabilities(outputs) if is_softmax else loss.estimates(outputs)
        return meant.T.copy()

    def loss(self, inputs: Any, targets: Any) -> float:
        """Return the mean loss of the samples, without dropout.

        Args:
            inputs: (samples, *input_shape).
            targets: class numbers (samples,), or numbers (samples, outputs).
        """
        columns = self._columns(inputs)
        wanted = self._targets(targets, columns.shape[-1])
        cache = self._workspace(len(wanted), training=False).caches(len(wanted)).loss
        return self._network.loss.forward(self._outputs(columns), wanted, cache) / len(wanted)

    def gradients(self, inputs: Any, targets: Any) -> dict[str, Array]:
        """Return the gradient of the mean loss by each parameter, as training takes it.

        Args:
            inputs: (samples, *input_shape).
            targets: class numbers (samples,), or numbers (samples, outputs).
        """
        columns = self._columns(inputs)
        wanted = self._targets(targets, columns.shape[-1])
        network, samples = self._network, len(wanted)
        workspace = self._workspace(samples, training=True)
        caches = workspace.caches(samples)
        outputs = network.forward(columns, caches, self._draws())
        network.loss.forward(outputs, wanted, caches.loss)
        network.backward(network.loss.backward(outputs, caches.loss, samples), caches)
        assert workspace.gradients is not None
        return {name: view.copy() for name, view in workspace.gradients.views.items()}

    def step(self, inputs: Any, targets: Any, learning_rate: float) -> float:
        """Take one training step on these samples; return their mean loss before it.

        Args:
            inputs: (samples, *input_shape).
            targets: class numbers (samples,), or numbers (samples, outputs).
            learning_rate: η.

        Raises:
            ConfigError: that is not finite.
        """
        if not math.isfinite(learning_rate):
            raise ConfigError("this is no rate", where="learning_rate", found=learning_rate)
        columns = self._columns(inputs)
        wanted = self._targets(targets, columns.shape[-1])
        workspace = self._workspace(len(wanted), training=True)
        loss = textbook.step(
            self._network,
            workspace,
            self._optimizer,
            columns,
            wanted,
            learning_rate,
            self._draws(),
        )
        self.steps += 1
        return float(loss)

    def _columns(self, inputs: Any) -> Array:
        """Return inputs (*input_shape, samples), as layers take them."""
        shape = self.input_shape
        given = as_array(inputs, "inputs")
        if len(shape) == 3 and shape[0] == 1 and given.shape[1:] == shape[1:] and given.ndim == 3:
            given = given[:, None]
        samples = as_numbers(given, "inputs", shape)
        return np.ascontiguousarray(np.moveaxis(samples, 0, -1), dtype=self._network.dtype)

    def _targets(self, targets: Any, samples: int) -> NDArray[Any]:
        """Return class numbers (samples,), or numbers (samples, outputs)."""
        array = as_array(targets, "targets")
        if array.ndim == 1 and array.dtype.kind in "iu" and self.outputs > 1:
            if len(array) != samples or array.min() < 0 or array.max() >= self.outputs:
                bounds = f" from {array.min()} to {array.max()}" if len(array) else ""
                raise DataError(
                    "the targets do not fit",
                    where="targets",
                    expected=f"{samples} class numbers from 0 to {self.outputs - 1}",
                    found=f"{len(array)}{bounds}",
                )
            return array.astype(np.int64)
        if array.ndim == 1 and self.outputs == 1:
            array = array[:, None]
        numbers = as_numbers(array, "targets", (self.outputs,), "targets")
        if len(numbers) != samples:
            what = "there must be one target for each sample"
            raise DataError(what, where="targets", expected=samples, found=len(numbers))
        return numbers

    def _outputs(self, columns: Array) -> Array:
        """Return outputs (outputs, samples), valid until the next call."""
        samples = columns.shape[-1]
        return self._network.forward(
            columns, self._workspace(samples, training=False).caches(samples)
        )

    def _workspace(self, samples: int, *, training: bool) -> Workspace:
        """Return a workspace for `samples` samples, which is kept for the next call."""
        kept = self._workspaces.get(training)
        if kept is None or kept.max_batch < samples:
            kept = Workspace(self._network, samples, training=training)
            self._workspaces[training] = kept
        return kept

    def _draws(self) -> Draws:
        return Draws(self.config.train.seed, 0, self.steps)

    def _heading(self) -> str:
        model, train = self.config.model, self.config.train
        return (
            f"Network with loss {train.loss}, init {model.init}, seed {train.seed}, {model.dtype}"
        )

    def __repr__(self) -> str:
        return "\n".join([self._heading(), *self.layers.lines()])

    def _repr_html_(self) -> str:
        return f"<p>{text(self._heading())}</p>{self.layers.html()}"


def _shape(given: Any) -> Shape:
    """Return the shape of a sample.

    Raises:
        ConfigError: it is none.
    """
    sizes = tuple(given) if isinstance(given, Sequence | np.ndarray) else (given,)
    are_whole = all(isinstance(size, int | np.integer) and size > 0 for size in sizes)
    if not sizes or len(sizes) > 3 or not are_whole:
        raise ConfigError(
            "a sample cannot have such a shape",
            where="input_shape",
            expected="a number, or (channels, height, width)",
            found=repr(given),
        )
    return tuple(map(int, sizes))
