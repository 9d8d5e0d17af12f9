"""Take the steps of a run one by one, as training would, and keep every number."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset
from bpnet.data.split import numbers_of_epoch, order_of_epoch, split_samples
from bpnet.errors import DivergedError
from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Workspace
from bpnet.teach.trace.equations import four_equations
from bpnet.teach.trace.jacobian import LocalDerivative, local_derivative
from bpnet.teach.trace.loss_activation import held_activation, trace_activation
from bpnet.teach.trace.paths import all_paths, obstacle
from bpnet.teach.trace.recorded_pass import RecordedPass, Recorder
from bpnet.teach.trace.step_trace import LayerTrace, ParameterTrace, StateTrace, StepTrace
from bpnet.teach.trace.update_rule import update_rule
from bpnet.training import textbook
from bpnet.training.optimizer import square_sum
from bpnet.training.optimizers import build_optimizer
from bpnet.training.run import prepare_model
from bpnet.training.schedule import Schedule
from bpnet.training.shard_sizes import check_shard_sizes
from bpnet.training.step.batch import Batch
from bpnet.training.step.feed import Feed
from bpnet.training.step.supply import supply_of


class TracedRun:
    """Do the steps of a run one by one, each with the numbers that training would have.

    Args:
        config: of the run; element type, shards and workers are set aside.
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
        self.dataset = dataset
        self.training = numbers_of_epoch(dataset, split_samples(self.config, dataset)[0])
        self.steps_per_epoch = -(-len(self.training) // train.samples_per_step)
        self.done = 0
        network = self.model.network
        most = min(train.samples_per_step, len(self.training))
        check_shard_sizes(self.model, most)  # a short last batch is shown as it is
        self.workspace = Workspace(network, most, training=True, wants_input_gradient=True)
        self.supply = supply_of(self.config, dataset, most)  # draws when asked: it is not entered
        samples = dataset.train if self.supply is None else self.supply.samples
        self.feed = Feed(self.model, samples, most)
        self.schedule = Schedule(
            config.schedule, config.optimizer.learning_rate, self.steps_per_epoch, [train.epochs]
        )
        self.optimizer = build_optimizer(network.parameters, config.optimizer, train.grad_clip)

    def step(self) -> StepTrace:
        """Take the next step and return all its numbers.

        Raises:
            DivergedError: one of them is not finite.
        """
        with np.errstate(all="ignore"):  # what overflows is refused with its step
            traced = self._trace(self._batch())
        self.done += 1
        return traced

    def _demand_finite(self, batch: Batch, *arrays: Array) -> None:
        """Refuse a step with a number that is not finite, as training does."""
        if not all(np.isfinite(array).all() for array in arrays):
            raise DivergedError(
                "the steps diverge: a loss, gradient or weight is no longer a finite number",
                where=f"epoch {batch.epoch + 1}, step {batch.step + 1}",
                expected="finite numbers",
                hint="--set optimizer.learning_rate with a smaller value, or fewer --steps",
            )

    def _batch(self) -> Batch:
        """Return samples, place and learning rate of the next step."""
        epoch, place = divmod(self.done, self.steps_per_epoch)
        train = self.config.train
        samples = order_of_epoch(self.dataset, self.training, train.seed, epoch)
        size = train.samples_per_step
        index = samples[place * size : (place + 1) * size]
        batch = Batch(index, epoch, self.done, self.schedule.rate(self.done))
        if self.supply is not None:
            self.supply.hand_over(batch)
        return batch

    def _trace(self, batch: Batch) -> StepTrace:
        """Take the textbook's step, and find out what its numbers mean."""
        network, optimizer = self.model.network, self.optimizer
        parameters = network.parameters
        before = {name: view.copy() for name, view in parameters.views.items()}
        running = {name: view.copy() for name, view in network.state.views.items()}
        recorded = self._step(batch)
        gradients = (*recorded.grad_inputs, recorded.gradients.flat)
        self._demand_finite(batch, recorded.losses, *recorded.outputs, *gradients)
        self._demand_finite(batch, parameters.flat, network.state.flat)
        after = {name: view.copy() for name, view in parameters.views.items()}
        with self._weights(before, after):  # derivatives are those of the step's beginning
            derivatives = tuple(
                local_derivative(call).of_samples(recorded.order) for call in recorded.calls
            )
            hindrance = obstacle(recorded, derivatives)
            samples = tuple(int(number) + 1 for number in batch.index[recorded.order])
            paths = None if hindrance else all_paths(recorded, derivatives, samples)
        held = held_activation(network.loss)
        norm = clipping = None
        if optimizer.grad_clip:
            norm_squared = square_sum(recorded.gradients.flat)
            norm, clipping = math.sqrt(norm_squared), optimizer.clipping_factor(norm_squared)
        return StepTrace(
            step=batch.step + 1,
            epoch=batch.epoch + 1,
            learning_rate=batch.learning_rate,
            samples=samples,
            inputs=recorded.inputs,
            targets=recorded.targets,
            loss=recorded.loss,
            losses=recorded.losses,
            total_loss=float(recorded.losses.sum()),
            loss_formulas=network.loss.formulas(len(batch.index)),
            loss_activation=trace_activation(held, network.loss, recorded),
            layers=layer_traces(recorded, derivatives),
            parameters=self._parameters(recorded, before),
            running={
                name: StateTrace(values, network.state.views[name].copy())
                for name, values in running.items()
            },
            update=update_rule(network, optimizer, batch.learning_rate, batch.step + 1),
            gradient_norm=norm,
            clipping=clipping,
            equations=four_equations(recorded, held),
            paths=paths,
            paths_obstacle=hindrance,
        )

    def _step(self, batch: Batch) -> RecordedPass:
        """Take the textbook's step under the eyes of a recorder."""
        inputs = self.workspace.caches(len(batch.index)).inputs
        self.feed.fill(batch.index, batch.epoch, inputs)
        targets = self.feed.targets(batch.index, batch.epoch)
        recorder = Recorder(self.workspace, inputs)
        loss = textbook.step(
            self.model.network,
            self.workspace,
            self.optimizer,
            inputs,
            targets,
            batch.learning_rate,
            Draws(self.config.train.seed, batch.epoch, batch.step),
            recorder,
        )
        return recorder.recorded(batch.index, targets, loss)

    @contextmanager
    def _weights(self, meanwhile: dict[str, Array], then: dict[str, Array]) -> Iterator[None]:
        """Give the network other weights for a while."""
        views = self.model.network.parameters.views
        for name, values in meanwhile.items():
            views[name][...] = values
        yield
        for name, values in then.items():
            views[name][...] = values

    def _parameters(
        self, recorded: RecordedPass, before: dict[str, Array]
    ) -> dict[str, ParameterTrace]:
        traced = {}
        for position, call in enumerate(recorded.calls, start=1):
            formulas = call.layer.formulas().gradients
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
            formulas=call.layer.formulas(),
        )
        for number, call in enumerate(recorded.calls)
    )
