"""Train with PyTorch's operations and a backward pass written by hand: no autograd.

Activations are (batch, features) and, for convolutions, channels-last. Gradients of linear layers
go to memory that is reserved once, and one call updates all parameters.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from peers.work import (
    LEARNING_RATE,
    MOMENTUM,
    Index,
    Layer,
    Training,
    Weights,
    Work,
    channels_last,
    one_by_one,
)

VERSION = torch.__version__
Tensor = Any  # torch.Tensor: its types are not always installed
Backward = Callable[[Tensor], Tensor]
aten = torch.ops.aten


def train(work: Work, mode: str) -> Training:
    """Return the training; there is one mode, `by-hand`."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    with torch.inference_mode():
        start = [torch.from_numpy(value) for value in channels_last(work, work.weights())]
        network = Network(work.layers(), start)
        images = torch.from_numpy(work.inputs())[:, None]
        images = images.contiguous(memory_format=torch.channels_last)
        one_hot = torch.nn.functional.one_hot(torch.from_numpy(work.labels), 10).float()

    def step(index: Index) -> None:
        with torch.inference_mode():
            chosen = torch.from_numpy(index)
            network.step(images.index_select(0, chosen), one_hot.index_select(0, chosen))

    def weights() -> Weights:
        values = [np.array(value.contiguous()) for value in network.parameters]
        return channels_last(work, values, back=True)

    return Training(one_by_one(step), weights)


class Network:
    """Hold parameters, gradients and velocities, and compute a step.

    Args:
        layers: each layer's line, input shape and output shape.
        start: weight, bias, weight, …
    """

    def __init__(self, layers: list[Layer], start: list[Tensor]) -> None:
        self.layers = layers
        self.parameters = [laid_out(value) for value in start]
        self.gradients = [torch.zeros_like(value) for value in self.parameters]
        self.velocity = [torch.zeros_like(value) for value in self.parameters]

    def step(self, x: Tensor, target: Tensor) -> None:
        """Take a step on pictures and one-hot targets (batch, classes)."""
        backward: list[Backward] = []
        number = 0
        for spec, inputs, _ in self.layers:
            given: dict[str, Any] = dict(spec.options)
            if spec.kind in {"linear", "conv"} and not number:
                backward.clear()  # nothing before the first weights needs a gradient
            if spec.kind == "linear":
                x = self.linear(x, number, backward)
            elif spec.kind == "conv":
                x = self.conv(x, number, given.get("padding", 0), backward)
            elif spec.kind == "maxpool":
                x = maxpool(x, given["size"], backward)
            elif spec.kind == "relu":
                x = relu(x, backward)
            elif spec.kind == "dropout":
                x = dropout(x, 1 - given["probability"], backward)
            elif spec.kind == "flatten":
                x = flatten(x, inputs, backward)
            number += 2 * (spec.kind in {"linear", "conv"})
        gradient = torch.softmax(x, 1).sub_(target).mul_(1 / len(x))
        for through in reversed(backward):
            gradient = through(gradient)
        torch._fused_sgd_(
            *(self.parameters, self.gradients, self.velocity),
            weight_decay=0.0,
            momentum=MOMENTUM,
            lr=LEARNING_RATE,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )

    def linear(self, x: Tensor, number: int, backward: list[Backward]) -> Tensor:
        """Compute `x Wᵀ + b`."""
        weight, bias = self.parameters[number : number + 2]

        def through(gradient: Tensor) -> Tensor:
            torch.mm(gradient.t(), x, out=self.gradients[number])
            torch.sum(gradient, 0, out=self.gradients[number + 1])
            return gradient @ weight if number else gradient

        backward.append(through)
        return torch.addmm(bias, x, weight.t())

    def conv(self, x: Tensor, number: int, padding: int, backward: list[Backward]) -> Tensor:
        """Correlate with all filters."""
        weight, bias = self.parameters[number : number + 2]
        places = ([1, 1], [padding, padding], [1, 1], False, [0, 0], 1)

        def through(gradient: Tensor) -> Tensor:
            wanted = [number > 0, True, True]
            size = [len(bias)]
            found = aten.convolution_backward(gradient, x, weight, size, *places, wanted)
            self.gradients[number : number + 2] = found[1:]
            return gradient if found[0] is None else found[0]

        backward.append(through)
        return torch.convolution(x, weight, bias, *places)


def laid_out(value: Tensor) -> Tensor:
    """Return filters in channels-last memory; `contiguous` would take one channel for both."""
    if value.ndim < 4:
        return value
    return torch.empty_like(value, memory_format=torch.channels_last).copy_(value)


def relu(x: Tensor, backward: list[Backward]) -> Tensor:
    """Apply ReLU in place."""
    y = x.relu_()
    backward.append(lambda gradient: aten.threshold_backward(gradient, y, 0))
    return y


def maxpool(x: Tensor, size: int, backward: list[Backward]) -> Tensor:
    """Take the largest of every block."""
    block = ([size, size], [size, size], [0, 0], [1, 1], False)
    y, place = aten.max_pool2d_with_indices(x, *block)
    backward.append(
        lambda gradient: aten.max_pool2d_with_indices_backward(gradient, x, *block, place)
    )
    return y


def dropout(x: Tensor, kept: float, backward: list[Backward]) -> Tensor:
    """Drop activations at random, and enlarge the others."""
    mask = torch.empty_like(x).bernoulli_(kept).mul_(1 / kept)
    backward.append(lambda gradient: gradient * mask)
    return x * mask


def flatten(x: Tensor, shape: tuple[int, ...], backward: list[Backward]) -> Tensor:
    """Return the activations of channels-last pictures as rows: no copy."""
    channels, height, width = shape
    backward.append(lambda gradient: gradient.view(-1, height, width, channels).permute(0, 3, 1, 2))
    return x.permute(0, 2, 3, 1).reshape(len(x), -1)
