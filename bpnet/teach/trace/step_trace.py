"""Hold every number of one training step, and their formulas."""

from __future__ import annotations

from dataclasses import dataclass

from bpnet.nn.facts import Formulas, LossFormulas
from bpnet.nn.layer import Array, Shape
from bpnet.teach.trace.equations import Equation
from bpnet.teach.trace.jacobian import LocalDerivative
from bpnet.teach.trace.paths import ElementPaths


@dataclass(frozen=True)
class LayerTrace:
    """Hold what one layer did; arrays have the sample first.

    Args:
        name: such as `1.linear`.
        shape: of one sample's output.
        output: (samples, *shape).
        grad_output: ∂C/∂output, what came back from the layers after it.
        grad_input: ∂C/∂input, what went on to the layer before.
        local_derivative: of the output by the input.
        formulas: of all of these.
    """

    name: str
    shape: Shape
    output: Array
    grad_output: Array
    grad_input: Array
    local_derivative: LocalDerivative
    formulas: Formulas


@dataclass(frozen=True)
class LossActivation(LayerTrace):
    """Hold what the activation that a loss applies itself would have done as a layer.

    Where a is so close to 0 or 1 that a factor has no digits left, slope and product are NaN, and
    ∂C/∂a may be infinite.

    Args:
        gradient_formula: of its `grad_output`, ∂C/∂a.
        cancels: what that and the slope come to.
    """

    gradient_formula: str
    cancels: str


@dataclass(frozen=True)
class ParameterTrace:
    """Hold what became of one parameter.

    Args:
        shape: of all its arrays.
        before: its values at the step's start.
        grad: ∂C/∂w of the mean loss, without clipping, decay and learning rate.
        after: its values at the step's end.
        memories: what the optimiser remembers of it at the step's end, by name.
        formula: of the gradient.
    """

    shape: Shape
    before: Array
    grad: Array
    after: Array
    memories: dict[str, Array]
    formula: str


@dataclass(frozen=True)
class StateTrace:
    """Hold a running statistic at the start and at the end of a step."""

    before: Array
    after: Array


@dataclass(frozen=True)
class StepTrace:
    """Hold one training step.

    Args:
        step: its number, from 1.
        epoch: the epoch's, from 1.
        learning_rate: η.
        samples: their numbers in the data set (lines of a table), from 1, in ascending order, as in
            all arrays, however the batch is shuffled.
        inputs: (samples, *input_shape).
        targets: what the loss compares with (samples, outputs).
        loss: C, the mean over the samples.
        losses: of each sample.
        total_loss: their sum, L.
        loss_formulas: of one sample's loss and of its gradient.
        loss_activation: the activation that the loss applies itself, or None; its `grad_output` is
            ∂C/∂a, and its `grad_input` the gradient by the network's outputs, but for rounding.
        layers: in forward order.
        parameters: by name, such as `1.weight`.
        running: running statistics by name.
        update: the rule by which parameters move, a line each.
        gradient_norm: ‖g‖, and
        clipping: the clipping factor of g; None where nothing is clipped.
        equations: the four equations of a fully connected network, else empty.
        paths: from each element of each parameter to the loss, or None:
        paths_obstacle: says why.
    """

    step: int
    epoch: int
    learning_rate: float
    samples: tuple[int, ...]
    inputs: Array
    targets: Array
    loss: float
    losses: Array
    total_loss: float
    loss_formulas: LossFormulas
    loss_activation: LossActivation | None
    layers: tuple[LayerTrace, ...]
    parameters: dict[str, ParameterTrace]
    running: dict[str, StateTrace]
    update: tuple[str, ...]
    gradient_norm: float | None
    clipping: float | None
    equations: tuple[Equation, ...]
    paths: dict[str, tuple[ElementPaths, ...]] | None
    paths_obstacle: str | None
