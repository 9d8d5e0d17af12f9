"""Hold one layer of a traced step together with what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpnet.nn.layer import Array, Layer
from bpnet.nn.residual import link
from bpnet.teach.trace.step_trace import LayerTrace, ParameterTrace, StepTrace


@dataclass(frozen=True)
class LayerStep:
    """Hold what one layer did in one step.

    Args:
        layer: its sizes; parameters are those of the trace.
        trace: its numbers.
        x: its input (samples, *input_shape).
        parameters: by role, such as `weight`.
        past: what comes past F to an `end` (samples, *shape), else None.
        grad_past: what comes back past F to a `residual`, else None.
    """

    layer: Layer[Any]
    trace: LayerTrace
    x: Array
    parameters: dict[str, ParameterTrace]
    past: Array | None
    grad_past: Array | None

    @property
    def samples(self) -> int:
        """Return the size of the batch."""
        return len(self.x)

    def weights(self, role: str) -> Array:
        """Return a parameter as it was in this step."""
        return self.parameters[role].before

    def bias(self, place: int) -> float | None:
        """Return what is added to a feature or channel, if anything."""
        return float(self.weights("bias")[place]) if "bias" in self.parameters else None


def layer_steps(step: StepTrace, layers: Sequence[Layer[Any]]) -> list[LayerStep]:
    """Return the layers of a step, in forward order.

    Args:
        step: that was traced.
        layers: of the same network.
    """
    ends = link(layers)
    starts = {end: start for start, end in ends.items()}
    found = []
    for number, (layer, traced) in enumerate(zip(layers, step.layers, strict=True)):
        x = step.layers[number - 1].output if number else step.inputs
        roles = {role: step.parameters[f"{number + 1}.{role}"] for role in layer.parameter_shapes}
        start, end = starts.get(number), ends.get(number)
        found.append(
            LayerStep(
                layer,
                traced,
                x,
                roles,
                None if start is None else step.layers[start].output,
                None if end is None else step.layers[end].grad_output,
            )
        )
    return found


def loss_step(step: StepTrace, layer: Layer[Any] | None) -> LayerStep | None:
    """Return the activation that the loss applies itself as if it were the last layer.

    Args:
        step: that was traced.
        layer: the activation, or None.
    """
    held = step.loss_activation
    if held is None or layer is None:
        return None
    return LayerStep(layer, held, step.layers[-1].output, {}, None, None)


@dataclass(frozen=True)
class Windows:
    """Know which pixels each window of a convolution or a pooling layer covers.

    Args:
        kernel: side of a window.
        stride: pixels from one window to the next.
        padding: rows and columns added on every side.
        height: of the picture.
        width: of the picture.
        rows: of windows.
        columns: of windows.
    """

    kernel: int
    stride: int
    padding: int
    height: int
    width: int
    rows: int
    columns: int

    def pixels(self, row: int, column: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield row and column in the window, and those in the picture, borders left out."""
        for i, j in np.ndindex(self.kernel, self.kernel):
            y, x = row * self.stride + i - self.padding, column * self.stride + j - self.padding
            if 0 <= y < self.height and 0 <= x < self.width:
                yield i, j, y, x

    def over(self, y: int, x: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield row and column of every window over a pixel, and where in it the pixel lies."""
        for i, j in np.ndindex(self.kernel, self.kernel):
            row, row_rest = divmod(y + self.padding - i, self.stride)
            column, column_rest = divmod(x + self.padding - j, self.stride)
            is_one = row_rest == column_rest == 0
            if is_one and 0 <= row < self.rows and 0 <= column < self.columns:
                yield row, column, i, j


def windows(layer: Any) -> Windows | None:
    """Return the windows of a layer that slides one over pictures, else None."""
    if len(layer.output_shape) != 3 or not hasattr(layer, "kernel_size"):
        return None
    _, height, width = layer.input_shape
    _, rows, columns = layer.output_shape
    stride = getattr(layer, "stride", layer.kernel_size)
    padding = getattr(layer, "padding", 0)
    return Windows(layer.kernel_size, stride, padding, height, width, rows, columns)
