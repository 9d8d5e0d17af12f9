"""Compute in PyTorch what bpnet computes, from copies of its numbers; gradients by autograd.

PyTorch has the batch first: the arrays of bpnet, which have it last, are turned on their way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from bpnet.config.settings import OptimizerConfig
from bpnet.fast.direct import DirectConv
from bpnet.fast.dropout import BlockedDropout
from bpnet.fast.linear import BlockedLinear
from bpnet.fast.norm import FusedNorm
from bpnet.fast.winograd import WinogradConv
from bpnet.fast.winograd_rows import WinogradRowConv
from bpnet.nn.activation import ReLU, Sigmoid
from bpnet.nn.avgpool import AvgPool
from bpnet.nn.binary_cross_entropy import BinaryCrossEntropy
from bpnet.nn.conv import Conv
from bpnet.nn.draws import Draws
from bpnet.nn.dropout import Dropout
from bpnet.nn.elu import ELU
from bpnet.nn.gelu import GELU
from bpnet.nn.globalavgpool import GlobalAvgPool
from bpnet.nn.layer import Array, Layer
from bpnet.nn.leaky_relu import LeakyReLU
from bpnet.nn.linear import Linear
from bpnet.nn.loss import CrossEntropy, Loss
from bpnet.nn.norm import BatchNorm
from bpnet.nn.pool import MaxPool
from bpnet.nn.reshape import Flatten
from bpnet.nn.residual import End, Residual
from bpnet.nn.scale import Scale
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.nn.sliding_pool import SlidingMaxPool
from bpnet.nn.softmax import Softmax
from bpnet.nn.softplus import Softplus
from bpnet.nn.squared_error import MeanSquaredError, QuadraticCost
from bpnet.nn.tanh import Tanh

Results = dict[str, NDArray[Any]]
Masks = Mapping[int, NDArray[np.bool_]]  # which activations stay on, by position from 1

torch.set_num_threads(1)  # small products; and tests that fork find no threads of PyTorch


def batch_first(array: NDArray[Any]) -> Tensor:
    """Copy (…, batch) as (batch, …)."""
    return torch.tensor(np.ascontiguousarray(np.moveaxis(array, -1, 0)))


def batch_last(tensor: Tensor) -> NDArray[Any]:
    """Copy (batch, …) as (…, batch)."""
    return np.moveaxis(tensor.detach().numpy().copy(), 0, -1)


def gradients_of(
    value: Tensor, leaves: Mapping[str, Tensor], grad_output: Tensor | None = None
) -> Results:
    """Return the gradient of every leaf by its name; that of `input` has the batch last again."""
    gradients = torch.autograd.grad(value, list(leaves.values()), grad_output)
    return {
        name: batch_last(gradient) if name == "input" else gradient.numpy()
        for name, gradient in zip(leaves, gradients, strict=True)
    }


# Layers


@dataclass(frozen=True)
class LayerTwin:
    """Stand for a layer.

    Args:
        layer: whose sizes and constants are taken.
        tensors: copies of its parameters and running statistics by role; `keep` of a dropout.
        training: whether backward will follow.
    """

    layer: Any
    tensors: dict[str, Tensor]
    training: bool = True

    def __call__(self, x: Tensor) -> Tensor:
        """Return the output (batch, …); batch normalisation moves its running statistics."""
        return FORMULAS[type(self.layer)](self, x)

    def output(self, x: Array) -> Array:
        """Return the output (…, batch) for an input (…, batch)."""
        return batch_last(self(batch_first(x)))

    def results(self, x: Array, grad_output: Array) -> Results:
        """Return output, gradients and running statistics, by the names that `Trial.run` gives."""
        leaves = {role: tensor for role, tensor in self.tensors.items() if tensor.requires_grad}
        leaves["input"] = batch_first(x).requires_grad_()
        output = self(leaves["input"])
        return {
            "output": batch_last(output),
            **gradients_of(output, leaves, batch_first(grad_output)),
            **{role: self.tensors[role].numpy() for role in self.layer.state_shapes},
        }

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Let a dropout leave on what bpnet has left on (…, batch)."""
        self.tensors["keep"] = batch_first(mask)


def linear(twin: LayerTwin, x: Tensor) -> Tensor:
    return functional.linear(x, twin.tensors["weight"], twin.tensors.get("bias"))


def conv(twin: LayerTwin, x: Tensor) -> Tensor:
    weight, bias = twin.tensors["weight"], twin.tensors.get("bias")
    return functional.conv2d(x, weight, bias, getattr(twin.layer, "stride", 1), twin.layer.padding)


def block(twin: LayerTwin, x: Tensor) -> Tensor:
    """Take a fused layer apart again."""
    z = functional.max_pool2d(conv(twin, x), twin.layer.pool_size)
    return functional.relu(z) if twin.layer.relu else z


def batchnorm(twin: LayerTwin, x: Tensor) -> Tensor:
    running = twin.tensors["running_mean"], twin.tensors["running_variance"]
    scale = twin.tensors["weight"], twin.tensors["bias"]
    constants = twin.layer.momentum, twin.layer.epsilon
    return functional.batch_norm(x, *running, *scale, twin.training, *constants)


def fused_norm(twin: LayerTwin, x: Tensor) -> Tensor:
    y = batchnorm(twin, x)
    return functional.relu(y) if twin.layer.relu else y


def dropout(twin: LayerTwin, x: Tensor) -> Tensor:
    """Divide what stays on by 1 − p, which bpnet rounds to a multiple of 1/256."""
    return x * twin.tensors["keep"] / (twin.layer.kept_bytes / 256) if twin.training else x


def pool_sizes(twin: LayerTwin) -> tuple[int, int, int]:
    return twin.layer.kernel_size, twin.layer.stride, twin.layer.padding


FORMULAS: dict[type[Layer[Any]], Callable[[LayerTwin, Tensor], Tensor]] = {
    Linear: linear,
    BlockedLinear: linear,
    Conv: conv,
    DirectConv: block,
    WinogradConv: block,
    WinogradRowConv: block,
    MaxPool: lambda twin, x: functional.max_pool2d(x, twin.layer.kernel_size),
    SlidingMaxPool: lambda twin, x: functional.max_pool2d(x, *pool_sizes(twin)),
    AvgPool: lambda twin, x: functional.avg_pool2d(x, *pool_sizes(twin)),
    GlobalAvgPool: lambda twin, x: functional.adaptive_avg_pool2d(x, 1).flatten(1),
    Residual: lambda twin, x: x,
    End: lambda twin, x: x,  # alone, it adds nothing; a network adds what leads past F
    Flatten: lambda twin, x: x.flatten(1),
    ReLU: lambda twin, x: functional.relu(x),
    LeakyReLU: lambda twin, x: functional.leaky_relu(x, twin.layer.slope),
    ELU: lambda twin, x: functional.elu(x, twin.layer.alpha),
    GELU: lambda twin, x: functional.gelu(x, approximate="tanh"),
    Softplus: lambda twin, x: functional.softplus(x),
    Sigmoid: lambda twin, x: torch.sigmoid(x),
    Tanh: lambda twin, x: torch.tanh(x),
    Softmax: lambda twin, x: functional.softmax(x, dim=1),
    Dropout: dropout,
    BlockedDropout: dropout,
    BatchNorm: batchnorm,
    FusedNorm: fused_norm,
    Scale: lambda twin, x: x * twin.layer.factor,
}


def layer_twin(
    layer: Layer[Any],
    parameters: Mapping[str, Array],
    state: Mapping[str, Array],
    *,
    training: bool = True,
) -> LayerTwin:
    """Return a twin with copies of these parameters and running statistics, by role."""
    copies = {role: torch.tensor(values, requires_grad=True) for role, values in parameters.items()}
    copies |= {role: torch.tensor(values) for role, values in state.items()}
    return LayerTwin(layer, copies, training)


# Losses


def targets_of(loss: Loss, targets: NDArray[Any]) -> Tensor:
    """Return targets as numbers (batch, outputs): one-hot rows for class numbers (batch,)."""
    given = torch.tensor(targets)
    return functional.one_hot(given, loss.outputs).double() if given.ndim == 1 else given


def cross_entropy(loss: Loss, outputs: Tensor, targets: NDArray[Any]) -> Tensor:
    given = torch.tensor(targets)  # PyTorch takes class numbers and probabilities as well
    return functional.cross_entropy(outputs, given, label_smoothing=loss.label_smoothing)


def binary_cross_entropy(loss: Loss, outputs: Tensor, targets: NDArray[Any]) -> Tensor:
    smoothing = loss.label_smoothing
    wanted = (1 - smoothing) * targets_of(loss, targets) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(outputs, wanted)


def quadratic_cost(loss: Loss, outputs: Tensor, targets: NDArray[Any]) -> Tensor:
    squares = functional.mse_loss(outputs, targets_of(loss, targets), reduction="sum")
    return 0.5 * squares / len(outputs)


LOSSES: dict[type[Loss], Callable[[Loss, Tensor, NDArray[Any]], Tensor]] = {
    CrossEntropy: cross_entropy,
    BinaryCrossEntropy: binary_cross_entropy,
    MeanSquaredError: lambda loss, z, y: functional.mse_loss(z, targets_of(loss, y)),
    QuadraticCost: quadratic_cost,
}


def loss_results(loss: Loss, outputs: Array, targets: NDArray[Any]) -> Results:
    """Return the mean loss of outputs (outputs, batch), and their gradient."""
    leaf = batch_first(outputs).requires_grad_()
    value = LOSSES[type(loss)](loss, leaf, targets)
    return {"loss": value.detach().numpy(), **gradients_of(value, {"input": leaf})}


# Networks


class NetworkTwin:
    """Stand for a network: every layer by itself, however bpnet computes it.

    Args:
        network: whose layers are taken, with copies of its parameters and running statistics.
    """

    def __init__(self, network: Sequential) -> None:
        self.loss = network.loss
        self.layers = [
            layer_twin(layer, network.parameters.of_layer(place), network.state.of_layer(place))
            for place, layer in enumerate(network.layers, start=1)
        ]
        named = {
            f"{place}.{role}": tensor
            for place, layer in enumerate(self.layers, start=1)
            for role, tensor in layer.tensors.items()
        }
        self.parameters = {name: named[name] for name in network.parameters.views}
        self.state = {name: named[name] for name in network.state.views}

    def results(self, inputs: Array, targets: NDArray[Any], masks: Masks) -> Results:
        """Return loss, output, gradients by name, and the running statistics after the batch."""
        for place, mask in masks.items():
            self.layers[place - 1].keep(mask)
        leaves = {"input": batch_first(inputs).requires_grad_()} | self.parameters
        outputs = leaves["input"]
        past: list[Tensor] = []
        for twin in self.layers:
            outputs = twin(outputs)
            if isinstance(twin.layer, Residual):
                past.append(outputs)
            elif isinstance(twin.layer, End):
                outputs = outputs + past.pop()
        loss = LOSSES[type(self.loss)](self.loss, outputs, targets)
        return {
            "loss": loss.detach().numpy(),
            "output": batch_last(outputs),
            **gradients_of(loss, leaves),
            **{name: tensor.numpy().copy() for name, tensor in self.state.items()},
        }


class Pair:
    """Hold a network and its twin, which see the same drawn batches of one size."""

    def __init__(self, network: Sequential, batch: int) -> None:
        self.network = network
        self.twin = NetworkTwin(network)
        self.rng = np.random.default_rng(1)
        self.workspace = Workspace(network, batch, training=True, wants_input_gradient=True)

    def results(self) -> tuple[Results, Results]:
        """Return loss, output, gradients and running statistics: bpnet's, and PyTorch's."""
        network, batch = self.network, self.workspace.max_batch
        caches = self.workspace.caches(batch)
        x = self.rng.normal(size=caches.inputs.shape)
        targets = self.rng.integers(network.loss.outputs, size=batch)
        output = network.forward(
            x, caches, Draws(seed=1, epoch=0, step=int(self.rng.integers(1000)))
        )
        loss = network.loss.forward(output, targets, caches.loss) / batch
        grad_input = network.backward(network.loss.backward(output, caches.loss, batch), caches)
        network.update_running([caches])
        assert self.workspace.gradients is not None
        found = {"loss": np.array(loss), "output": output, "input": grad_input}
        found |= self.workspace.gradients.views | network.state.views
        stages = zip(network.stages, caches.stages, strict=True)
        dropouts = [pair for pair in stages if isinstance(pair[0].layer, Dropout)]
        masks = {stage.position + 1: cache.keep for stage, cache in dropouts}
        return found, self.twin.results(x, targets, masks)


# Optimisers


def optimizer_twin(twin: NetworkTwin, settings: OptimizerConfig) -> Any:
    """Return PyTorch's optimiser of a twin; decay pulls on matrices and filters alone.

    PyTorch multiplies the velocity by the rate of the step, bpnet the gradient that enters it:
    with a constant rate this is the same.
    """
    weights = [tensor for tensor in twin.parameters.values() if tensor.ndim > 1]
    others = [tensor for tensor in twin.parameters.values() if tensor.ndim == 1]
    groups: list[dict[str, Any]] = [
        {"params": weights, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    rate = settings.learning_rate
    if settings.name == "sgd":
        looks_ahead = settings.nesterov and settings.momentum > 0  # PyTorch refuses the one alone
        return torch.optim.SGD(groups, rate, settings.momentum, nesterov=looks_ahead)
    if settings.name == "rmsprop":
        return torch.optim.RMSprop(groups, rate, settings.rho, settings.epsilon)
    if settings.name == "adagrad":
        return torch.optim.Adagrad(groups, rate, eps=settings.epsilon)
    rule = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.name]
    return rule(groups, rate, (settings.beta1, settings.beta2), settings.epsilon)
