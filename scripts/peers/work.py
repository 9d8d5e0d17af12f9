"""Define what every framework has to do: the same network, optimiser, batch and pictures."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.data_settings import AugmentConfig
from bpnet.config.layer_lines import LayerSpec
from bpnet.config.loading import load_config
from bpnet.config.network import build_layers
from bpnet.config.settings import Config
from bpnet.model.build import build_model
from bpnet.model.inputs import Normalization

PICTURES = 60000  # as many as MNIST has; speed does not depend on what they show
LEARNING_RATE = 0.01
MOMENTUM = 0.9
BLOCK = 50  # steps that are timed together
CONVOLUTIONAL_BLOCK = 5  # where a step takes milliseconds

Index = NDArray[np.int64]
Weights = list[NDArray[np.float32]]
Layer = tuple[LayerSpec, tuple[int, ...], tuple[int, ...]]  # line, input shape, output shape
Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # (n, 28, 28) to probabilities (n, 10)


@dataclass(frozen=True)
class Training:
    """Hold a network that a framework trains.

    Args:
        steps: takes one step for every row of (steps, batch) numbers of pictures, one after the
            other, and returns when the last one is done.
        weights: returns weight, bias, weight, … as `Work.weights` does.
        close: gives back what `del` does not.
    """

    steps: Callable[[Index], object]
    weights: Callable[[], Weights]
    close: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Work:
    """Hold what is trained, and on what.

    Args:
        preset: the network's name.
        batch_size: samples per step.
        config: the preset's, with plain momentum and without augmentation.
        images: (pictures, 28, 28) in uint8.
        labels: (pictures,).
    """

    preset: str
    batch_size: int
    config: Config
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    @property
    def block(self) -> int:
        """Return how many steps are timed together."""
        kinds = {spec.kind for spec in self.config.model.layers}
        return CONVOLUTIONAL_BLOCK if "conv" in kinds else BLOCK

    def layers(self) -> list[Layer]:
        """Return each layer's line, input shape and output shape."""
        layers = build_layers(self.config, (1, 28, 28), 10, [])
        return [
            (spec, layer.input_shape, layer.output_shape)
            for spec, layer in zip(self.config.model.layers, layers, strict=True)
        ]

    def normalization(self) -> Normalization:
        """Return how pictures become inputs."""
        every = np.arange(len(self.images))
        return Normalization.of(self.config.data.normalize, self.images, every)

    def inputs(self) -> NDArray[np.float32]:
        """Return all pictures as network inputs: more memory, but nothing to convert in a step."""
        how = self.normalization()
        return self.images.astype(np.float32) * np.float32(how.scale) + np.float32(how.offset)

    def weights(self) -> Weights:
        """Return the starting weights: weight, bias, weight, … of all layers that have some.

        Shapes are (out, in) and (out_channels, in_channels, kernel, kernel).
        """
        network = build_model(self.config, (1, 28, 28), 10, Normalization()).network
        return flat_list(network.parameters.views)

    def still(self, pictures: int) -> "Work":
        """Return the same work without dropout, on the first pictures: it has one right result."""
        kept = tuple(spec for spec in self.config.model.layers if spec.kind != "dropout")
        config = replace(self.config, model=replace(self.config.model, layers=kept))
        return replace(
            self, config=config, images=self.images[:pictures], labels=self.labels[:pictures]
        )


def flat_list(views: dict[str, Any]) -> Weights:
    """Return copies of a network's arrays by position, of each the weight, then the bias."""

    def place(name: str) -> tuple[int, bool]:
        position, _, role = name.partition(".")
        return int(position), role == "bias"

    return [np.array(views[name], np.float32) for name in sorted(views, key=place)]


def one_by_one(step: Callable[[Index], object]) -> Callable[[Index], None]:
    """Return a function that takes the steps of a block one after the other."""

    def steps(block: Index) -> None:
        for index in block:
            step(index)

    return steps


def channels_last(work: Work, weights: Weights, *, back: bool = False) -> Weights:
    """Return weights for activations in (height, width, channels), or turn such weights back.

    Of linear weights behind a `flatten`, the columns change their order; nothing else does.
    """
    changed = list(weights)
    number, before = 0, None
    for spec, inputs, _ in work.layers():
        if spec.kind == "flatten" and len(inputs) == 3:
            before = inputs
        if spec.kind not in {"linear", "conv"}:
            continue
        if spec.kind == "linear" and before is not None:
            channels, height, width = before
            shape = (height, width, channels) if back else (channels, height, width)
            axes = (0, 3, 1, 2) if back else (0, 2, 3, 1)
            weight = changed[number].reshape(-1, *shape).transpose(axes)
            changed[number] = np.ascontiguousarray(weight.reshape(len(weight), -1))
            before = None
        number += 2
    return changed


def make_work(preset: str, batch_size: int) -> Work:
    """Return the work of training a preset's network."""
    plain = (f"train.batch_size={batch_size}", "data.validation=0", "schedule.name=constant")
    rate = (f"optimizer.learning_rate={LEARNING_RATE}", f"optimizer.momentum={MOMENTUM}")
    rule = ("optimizer.nesterov=no", "optimizer.weight_decay=0")
    bare = ("train.ema=0", "train.label_smoothing=0")
    config = replace(load_config(preset, plain + rate + rule + bare), augment=AugmentConfig())
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (PICTURES, 28, 28), dtype=np.uint8)
    return Work(preset, batch_size, config, images, rng.integers(0, 10, PICTURES))
