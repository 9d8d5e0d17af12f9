"""Take the steps of a run one by one, as training would, and keep every number."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from bpnet.config import Config
from bpnet.data.dataset import Dataset
from bpnet.errors import ConfigError, DivergedError
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Workspace
from bpnet.seeding import derive_rng
from bpnet.teach.equations import four_equations
from bpnet.teach.formulas import layer_formulas, loss_formulas, update_rule
from bpnet.teach.jacobian import LocalDerivative, local_derivative
from bpnet.teach.paths import all_paths, obstacle
from bpnet.teach.recorded_pass import RecordedPass, record_pass
from bpnet.teach.step_trace import LayerTrace, ParameterTrace, StateTrace, StepTrace
from bpnet.training.averaging import AveragedWeights
from bpnet.training.loop import shuffled, split_samples
from bpnet.training.optimizer import build_optimizer
from bpnet.training.part import Feed, Order
from bpnet.training.run import prepare_model
from bpnet.training.sample_part import AT_A_TIME, takes_pieces
from bpnet.training.schedule import Schedule
from bpnet.training.update import Update


class TracedRun:
    """Do the steps of a run one by one, each with the numbers that training would have.

    Args:
        config: of the run; type of numbers, shards and workers are set aside.
        dataset: what it learns from.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        self.config = dataclasses.replace(
            config,
            model=dataclasses.replace(config.model, dtype="float64"),
            train=dataclasses.replace(config.train, shards=1, split="samples"),
        )
        train = self.config.train
        self.model = prepare_model(self.config, dataset).plain()
        self.training, _ = split_samples(self.config, dataset)
        self.steps_per_epoch = -(-len(self.training) // train.batch_size)
        self.done = 0
        network = self.model.network
        most = min(train.batch_size, len(self.training))
        self._demand_one_piece(most)
        self.workspace = Workspace(network, most, training=True, needs_grad_input=True)
        self.feed = Feed(self.model, dataset.train, most)
        self.schedule = Schedule(
            config.schedule, config.optimizer.learning_rate, self.steps_per_epoch, [train.epochs]
        )
        self.optimizer = build_optimizer(network.parameters, config.optimizer)
        averaged = AveragedWeights(network, 0.0)  # averages follow the weights and move none
        self.update = Update(network.parameters, self.optimizer, averaged, train.grad_clip)
        self._applied = network.parameters.like()

    def _demand_one_piece(self, samples: int) -> None:
        """Refuse a step that training takes in pieces, each with random numbers of its own."""
        network = self.model.network
        draws = any(layer.draws for layer in network.layers)
        if draws and takes_pieces(network) and samples > AT_A_TIME:
            raise ConfigError(
                "training takes a convolution with dropout some samples at a time",
                where=self.config.given.get("train.batch_size", "[train] batch_size"),
                expected=f"at most {AT_A_TIME} samples in a step",
                found=samples,
                hint=f"--set train.batch_size={AT_A_TIME}",
            )

    def step(self) -> StepTrace:
        """Take the next step and return all its numbers.

        Raises:
            DivergedError: one of them is not finite.
        """
        with np.errstate(all="ignore"):  # what overflows is refused with its step
            traced = self._step(self._order())
        self.done += 1
        return traced

    def _demand_finite(self, order: Order, *arrays: Array) -> None:
        """Refuse a step with a number that is none, as training does."""
        if not all(np.isfinite(array).all() for array in arrays):
            raise DivergedError(
                "the steps diverge: a loss, gradient or weight is no longer a finite number",
                where=f"epoch {order.epoch + 1}, step {order.step + 1}",
                expected="finite numbers",
                hint="--set optimizer.learning_rate with a smaller value, or fewer --steps",
            )

    def _order(self) -> Order:
        """Return samples, place and learning rate of the next step."""
        epoch, batch = divmod(self.done, self.steps_per_epoch)
        samples = shuffled(self.training, self.config.train.seed, epoch)
        size = self.config.train.batch_size
        index = samples[batch * size : (batch + 1) * size]
        return Order(index, epoch, self.done, self.schedule.rate(self.done))

    def _step(self, order: Order) -> StepTrace:
        """Forward, loss, backward, and what they mean; then the update."""
        config, network = self.config, self.model.network
        inputs = self.workspace.caches(len(order.index)).inputs
        self.feed.fill(order.index, order.epoch, inputs)
        rng = derive_rng(config.train.seed, "layers", order.epoch, order.step, 0)
        targets = self.feed.targets(order.index)
        recorded = record_pass(network, self.workspace, inputs, targets, rng)
        gradients = (*recorded.grad_inputs, recorded.gradients.flat)
        self._demand_finite(order, recorded.losses, *recorded.outputs, *gradients)
        derivatives = tuple(map(local_derivative, recorded.calls))
        hindrance = obstacle(recorded, derivatives)
        samples = tuple(int(number) + 1 for number in order.index)
        paths = None if hindrance else all_paths(recorded, derivatives, samples)
        before = {name: view.copy() for name, view in network.parameters.views.items()}
        running = {name: view.copy() for name, view in network.state.views.items()}
        norm, clipping = self._move(recorded, order)
        self._demand_finite(order, network.parameters.flat, network.state.flat)
        return StepTrace(
            step=order.step + 1,
            epoch=order.epoch + 1,
            learning_rate=order.learning_rate,
            samples=samples,
            inputs=recorded.inputs,
            targets=recorded.targets,
            loss=recorded.loss,
            losses=recorded.losses,
            loss_formulas=loss_formulas(config.train.loss, len(order.index)),
            layers=layer_traces(recorded, derivatives),
            parameters=self._parameters(recorded, before),
            running={
                name: StateTrace(values, network.state.views[name].copy())
                for name, values in running.items()
            },
            update=update_rule(config, order.learning_rate, order.step + 1),
            gradient_norm=norm,
            clipping=clipping,
            equations=four_equations(recorded),
            paths=paths,
            paths_obstacle=hindrance,
        )

    def _move(self, recorded: RecordedPass, order: Order) -> tuple[float | None, float | None]:
        """Update parameters and running statistics; return the gradient's norm and its clipping."""
        update, g = self.update, self._applied
        g.flat[...] = recorded.gradients.flat
        g.flat *= update.gradient_factor(order)
        shares = update.span(slice(0, g.flat.size), [g])
        norm = clipping = None
        if update.grad_clip:
            square_sum = update.add_up(shares, 1)
            norm, clipping = math.sqrt(square_sum), update.factor(square_sum)
        update.apply(shares, order, 1.0 if clipping is None else clipping)
        self.model.network.update_running([self.workspace.caches(len(order.index))])
        return norm, clipping

    def _parameters(
        self, recorded: RecordedPass, before: dict[str, Array]
    ) -> dict[str, ParameterTrace]:
        traced = {}
        for position, call in enumerate(recorded.calls, start=1):
            formulas = layer_formulas(call.layer).gradients
            for role, shape in call.layer.parameter_shapes.items():
                name = f"{position}.{role}"
                traced[name] = ParameterTrace(
                    shape=shape,
                    before=before[name],
                    grad=recorded.gradients.views[name].copy(),
                    after=self.model.network.parameters.views[name].copy(),
                    memories={
                        memory: arrays.views[name].copy()
                        for memory, arrays in self.optimizer.memories.items()
                    },
                    formula=formulas[role],
                )
        return traced


def layer_traces(
    recorded: RecordedPass, derivatives: tuple[LocalDerivative, ...]
) -> tuple[LayerTrace, ...]:
    """Return what each layer did."""
    return tuple(
        LayerTrace(
            name=call.layer.name,
            shape=call.layer.output_shape,
            output=recorded.outputs[number],
            grad_output=recorded.grad_outputs[number],
            grad_input=recorded.grad_inputs[number],
            local_derivative=derivatives[number],
            formulas=layer_formulas(call.layer),
        )
        for number, call in enumerate(recorded.calls)
    )
