"""Define what every framework has to do: the same network, optimiser, batch and pictures."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.layer_lines import LayerSpec
from bpnet.config.loading import load_config
from bpnet.config.network import build_layers
from bpnet.config.settings import AugmentConfig, Config

PICTURES = 60000  # as many as MNIST has; speed does not depend on what they show
LEARNING_RATE = 0.01
MOMENTUM = 0.9

Step = Callable[[NDArray[np.int64]], Any]


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

    def layers(self) -> list[tuple[LayerSpec, tuple[int, ...], tuple[int, ...]]]:
        """Return each layer's line, input shape and output shape."""
        layers = build_layers(self.config, (1, 28, 28), 10, [])
        return [
            (spec, layer.input_shape, layer.output_shape)
            for spec, layer in zip(self.config.model.layers, layers, strict=True)
        ]

    def inputs(self) -> NDArray[np.float32]:
        """Return all pictures as network inputs: more memory, but nothing to convert in a step."""
        return (self.images.astype(np.float32) - 33.3) / 78.6


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
