"""Train with PyTorch: eager, channels-last or compiled, always with the fused optimiser."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bpnet.config.layer_lines import LayerSpec
from bpnet.nn.layer import Shape
from peers.work import LEARNING_RATE, MOMENTUM, Step, Work

VERSION = torch.__version__


def build(work: Work, mode: str) -> Step:
    """Return the training step in one mode: `eager`, `channels-last` or `compiled`."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    layout = torch.contiguous_format if mode == "eager" else torch.channels_last
    network = module_of(work).to(memory_format=layout)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, fused=True
    )
    images = torch.from_numpy(work.inputs())[:, None].contiguous(memory_format=layout)
    labels = torch.from_numpy(work.labels)
    cross_entropy = nn.functional.cross_entropy

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return cross_entropy(network(x), y)

    loss = torch.compile(loss_of) if mode == "compiled" else loss_of

    def step(index: NDArray[np.int64]) -> None:
        chosen = torch.from_numpy(index)
        optimizer.zero_grad(set_to_none=True)
        x, y = images.index_select(0, chosen), labels.index_select(0, chosen)
        loss(x, y).backward()  # type: ignore[no-untyped-call,unused-ignore]
        optimizer.step()

    return step


def module_of(work: Work) -> nn.Sequential:
    """Return the network as PyTorch's own modules."""
    return nn.Sequential(*(layer_of(*layer) for layer in work.layers()))


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
