"""Train with PyTorch's autograd: eager, channels-last, or compiled in part or as a whole.

The update is always one call for all parameters: the fused optimiser, or part of what is compiled.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from bpnet.config.layer_lines import LayerSpec
from bpnet.nn.layer import Shape
from peers.work import LEARNING_RATE, MOMENTUM, Index, Training, Weights, Work, one_by_one

VERSION = torch.__version__
Step = Callable[[Index], object]


def train(work: Work, mode: str) -> Training:
    """Return the training in one mode: `eager`, `channels-last`, `compiled` or `whole-step`."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    torch._dynamo.reset()  # of what was compiled before, nothing is the same
    layout = torch.contiguous_format if mode == "eager" else torch.channels_last
    network = module_of(work).to(memory_format=layout)
    images = torch.from_numpy(work.inputs())[:, None].contiguous(memory_format=layout)
    labels = torch.from_numpy(work.labels)
    if mode == "whole-step":
        step = whole_step(network, images, labels)
    else:
        step = autograd_step(network, images, labels, compiled=mode == "compiled")

    def weights() -> Weights:
        return [np.array(value.detach()) for value in network.parameters()]

    return Training(one_by_one(step), weights)


def autograd_step(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor, *, compiled: bool
) -> Step:
    """Return a step as PyTorch's tutorials write it; compiled: network and loss are."""
    optimizer = torch.optim.SGD(
        network.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, fused=True
    )

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(network(x), y)

    loss = torch.compile(loss_of, dynamic=False) if compiled else loss_of

    def step(index: Index) -> None:
        chosen = torch.from_numpy(index)
        optimizer.zero_grad(set_to_none=True)
        x, y = images.index_select(0, chosen), labels.index_select(0, chosen)
        loss(x, y).backward()  # type: ignore[no-untyped-call,unused-ignore]
        optimizer.step()

    return step


def whole_step(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Step:
    """Return a step compiled as one function: samples, forward, backward and update."""
    parameters = {name: value.detach() for name, value in network.named_parameters()}
    velocity = {name: torch.zeros_like(value) for name, value in parameters.items()}

    def loss_of(parameters: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> object:
        return nn.functional.cross_entropy(torch.func.functional_call(network, parameters, x), y)

    def update(
        parameters: dict[str, torch.Tensor],
        velocity: dict[str, torch.Tensor],
        images: torch.Tensor,
        labels: torch.Tensor,
        chosen: torch.Tensor,
    ) -> None:
        x, y = images.index_select(0, chosen), labels.index_select(0, chosen)
        gradients = torch.func.grad(loss_of)(parameters, x, y)
        for name, gradient in gradients.items():
            velocity[name].mul_(MOMENTUM).sub_(gradient, alpha=LEARNING_RATE)
            parameters[name].add_(velocity[name])

    compiled = torch.compile(update, dynamic=False, fullgraph=True)

    def step(index: Index) -> None:
        with torch.no_grad():
            compiled(parameters, velocity, images, labels, torch.from_numpy(index))

    return step


def module_of(work: Work) -> nn.Sequential:
    """Return the network as PyTorch's own modules, with its starting weights."""
    network = nn.Sequential(*(layer_of(*layer) for layer in work.layers()))
    for parameter, value in zip(network.parameters(), work.weights(), strict=True):
        parameter.data = torch.from_numpy(value)
    return network


def layer_of(spec: LayerSpec, inputs: Shape, outputs: Shape) -> nn.Module:
    """Return one layer as PyTorch's own module."""
    given = spec.options
    if spec.kind == "linear":
        return nn.Linear(inputs[0], outputs[0])
    if spec.kind == "conv":
        return nn.Conv2d(inputs[0], outputs[0], given["kernel"], padding=given.get("padding", 0))
    if spec.kind == "maxpool":
        return nn.MaxPool2d(given["size"])
    if spec.kind == "dropout":
        return nn.Dropout(given["probability"])
    return {"relu": nn.ReLU(inplace=True), "flatten": nn.Flatten()}[spec.kind]
