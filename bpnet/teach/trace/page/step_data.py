"""Turn a traced step into what the page's scripts read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpnet.config.settings import Config
from bpnet.nn.facts import factor, number
from bpnet.nn.layer import Array, Layer
from bpnet.nn.registry import build_loss
from bpnet.teach.trace.jacobian import ELEMENT
from bpnet.teach.trace.loss_activation import held_activation
from bpnet.teach.trace.page.arrays import ArrayForms
from bpnet.teach.trace.page.sentences import LOSS, backward_sentence, forward_sentence
from bpnet.teach.trace.paths import ElementPaths
from bpnet.teach.trace.step_trace import LayerTrace, LossActivation, ParameterTrace, StepTrace
from bpnet.teach.trace.step_words import cancelling
from bpnet.teach.trace.worked.backward import backward_numbers, gradient_numbers
from bpnet.teach.trace.worked.forward import Place, forward_numbers
from bpnet.teach.trace.worked.layer_step import LayerStep, layer_steps, loss_step
from bpnet.teach.trace.worked.losses import (
    activation_gradient_numbers,
    loss_gradient_numbers,
    loss_numbers,
    mean_numbers,
    total_numbers,
)
from bpnet.teach.trace.worked.update import update_numbers

MOST_WORKED = 1200  # numbers of a step's outputs whose formulas are written out with numbers
LEAST_WORKED = 4  # of one layer and sample

Worked = dict[str, list[str]]  # formula with numbers, value, sentences; by place in row order


class StepData:
    """Collect what the page shows of one step.

    Args:
        step: that was traced.
        layers: of the network.
        config: of the run.
        forms: of the arrays.
    """

    def __init__(
        self, step: StepTrace, layers: Sequence[Layer[Any]], config: Config, forms: ArrayForms
    ) -> None:
        self.step = step
        self.config = config
        self.forms = forms
        self.layers = layer_steps(step, layers)
        loss = build_loss(config.train.loss, step.targets.shape[1])
        self.held = loss_step(step, held_activation(loss))
        share = MOST_WORKED // (len(step.samples) * len(layers))
        self.most_worked = max(LEAST_WORKED, share)

    def as_json(self) -> dict[str, Any]:
        """Return numbers, formulas with numbers, and paths."""
        step, form = self.step, self._of_samples
        return {
            "step": step.step,
            "epoch": step.epoch,
            "learning_rate": step.learning_rate,
            "samples": step.samples,
            "inputs": form(step.inputs),
            "targets": form(step.targets),
            "outputs": [form(layer.output) for layer in step.layers],
            "grad_outputs": [form(layer.grad_output) for layer in step.layers],
            "slopes": [self._slopes(layer) for layer in step.layers],
            "grad_inputs": form(step.layers[0].grad_input),
            "losses": step.losses.tolist(),
            "total_loss": step.total_loss,
            "loss": step.loss,
            "loss_activation": self._loss_activation(),
            "loss_formulas": {
                "forward": step.loss_formulas.forward,
                "backward": step.loss_formulas.backward,
            },
            "update": step.update,
            "parameters": {
                name: self._of_parameter(traced) for name, traced in step.parameters.items()
            },
            "worked": self._worked(),
            "paths": self._paths(),
            "paths_obstacle": step.paths_obstacle,
        }

    def _of_samples(self, values: Array) -> dict[str, Any]:
        """Return an array (samples, *shape); of shades with the numbers that are worked out."""
        exact: list[int] = []
        if not self.forms.has_numbers(values):
            for sample, one in enumerate(values):
                exact += [sample * one.size + place for place, _ in self._chosen(one)]
        return self.forms.as_json(values, exact)

    def _slopes(self, layer: LayerTrace) -> dict[str, Any] | None:
        """Return the slopes of a layer that changes each number on its own."""
        local = layer.local_derivative
        if local.form != ELEMENT or local.values is None:
            return None
        return self._of_samples(local.values)

    def _of_parameter(self, traced: ParameterTrace) -> dict[str, Any]:
        """Return a parameter and its gradient, likewise."""
        arrays = {"before": traced.before, "grad": traced.grad, "after": traced.after}
        exact = [place for place, _ in self._chosen(traced.grad)]
        return {name: self.forms.as_json(values, exact) for name, values in arrays.items()}

    def _worked(self) -> dict[str, Any]:
        """Return the formulas with their numbers; lists of layers hold a list of samples each."""
        step, kind, batch = self.step, self.config.train.loss, range(len(self.step.samples))
        return {
            "forward": [
                [self._forward(number, sample) for sample in batch]
                for number in range(len(self.layers))
            ],
            "backward": [
                [self._backward(layer, sample) for sample in batch] for layer in self.layers
            ],
            "loss": [loss_numbers(kind, step, sample) for sample in batch],
            "total": total_numbers(step),
            "mean": mean_numbers(step),
            "loss_gradient": [self._loss_gradient(sample) for sample in batch],
            "gradients": self._parameters(self._gradient),
            "updates": self._parameters(self._update),
        }

    def _loss_activation(self) -> dict[str, Any] | None:
        """Return what the activation that the loss applies itself gives and passes back."""
        held, batch = self.held, range(len(self.step.samples))
        if held is None:
            return None
        trace = held.trace
        assert isinstance(trace, LossActivation)
        return {
            "name": trace.name,
            "shape": trace.shape,
            "formulas": {
                "forward": trace.formulas.forward,
                "gradient": trace.gradient_formula,
                "backward": trace.formulas.backward,
            },
            "cancels": "; ".join(cancelling(self.step)),
            "output": self._of_samples(trace.output),
            "grad_output": self._of_samples(trace.grad_output),
            "slopes": self._slopes(trace),
            "forward": [self._activation(held, sample) for sample in batch],
            "gradient": [self._activation_gradient(held, sample) for sample in batch],
            "backward": [self._backward(held, sample) for sample in batch],
        }

    def _activation(self, held: LayerStep, sample: int) -> Worked:
        output = held.trace.output[sample]
        return self._of(output, lambda index: forward_numbers(held, (sample, *index)))

    def _activation_gradient(self, held: LayerStep, sample: int) -> Worked:
        kind, gradients = self.config.train.loss, held.trace.grad_output[sample]
        return self._of(
            gradients,
            lambda index: activation_gradient_numbers(kind, self.step, sample, index[0]),
        )

    def _of(self, values: Array, numbers: Callable[[Place], str]) -> Worked:
        """Work out the numbers of an array, the largest where they are too many."""
        return {
            str(place): [numbers(index), number(float(values[index]))]
            for place, index in self._chosen(values)
        }

    def _chosen(self, values: Array) -> list[tuple[int, Place]]:
        """Return places in row order, and as an index."""
        flat = np.abs(values.reshape(-1))
        places = np.arange(flat.size)
        if flat.size > self.most_worked:
            places = np.sort(np.argsort(-flat, kind="stable")[: self.most_worked])
        return [
            (int(place), tuple(map(int, np.unravel_index(place, values.shape)))) for place in places
        ]

    def _forward(self, layer: int, sample: int) -> Worked:
        """Work out a layer's outputs, and say what each receives and passes on."""
        step = self.layers[layer]
        before = self.layers[layer - 1].trace.name if layer else "the input"
        after = self.layers[layer + 1].trace.name if layer + 1 < len(self.layers) else LOSS
        output = step.trace.output[sample]
        worked = self._of(output, lambda index: forward_numbers(step, (sample, *index)))
        for place, index in self._chosen(output):
            at = (sample, *index)
            worked[str(place)] += [
                forward_sentence(step, before, after, at),
                backward_sentence(step, before, after, at),
            ]
        return worked

    def _loss_gradient(self, sample: int) -> Worked:
        kind, step = self.config.train.loss, self.step
        gradients = step.layers[-1].grad_output[sample]
        return self._of(
            gradients, lambda index: loss_gradient_numbers(kind, step, sample, index[0])
        )

    def _backward(self, step: LayerStep, sample: int) -> Worked:
        passed = step.trace.grad_input[sample]
        return self._of(passed, lambda index: backward_numbers(step, (sample, *index)))

    def _parameters(self, work: Callable[[LayerStep, str, str], Worked]) -> dict[str, Worked]:
        return {
            f"{position}.{role}": work(step, role, f"{position}.{role}")
            for position, step in enumerate(self.layers, start=1)
            for role in step.parameters
        }

    def _gradient(self, step: LayerStep, role: str, name: str) -> Worked:
        grad = step.parameters[role].grad
        return self._of(grad, lambda index: gradient_numbers(step, role, index))

    def _update(self, step: LayerStep, role: str, name: str) -> Worked:
        traced = step.parameters[role]
        return {
            str(place): [
                update_numbers(self.config.optimizer, self.step, traced, index),
                number(float(traced.after[index])),
            ]
            for place, index in self._chosen(traced.grad)
        }

    def _paths(self) -> dict[str, Any] | None:
        """Return the listed paths of every weight, by its name."""
        if self.step.paths is None:
            return None
        return {
            element.element: paths_as_json(element)
            for elements in self.step.paths.values()
            for element in elements
            if element.paths is not None
        }


def paths_as_json(element: ElementPaths) -> dict[str, Any]:
    """Return the paths of one weight, which must be listed."""
    assert element.paths is not None
    return {
        "gradient": element.gradient,
        "sum": element.sum,
        "agrees": element.agrees,
        "paths": [
            {
                "sample": path.sample,
                "through": path.through,
                "numbers": " · ".join(map(factor, path.rates)),
                "product": path.product,
            }
            for path in element.paths
        ],
    }
