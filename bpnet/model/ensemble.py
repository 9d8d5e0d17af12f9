"""Average the answers of several networks, and of each to several views of a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpnet.model.model import LEAST, Model
from bpnet.nn.facts import SOFTMAX
from bpnet.nn.layer import Array
from bpnet.nn.loss import CrossEntropy, Loss, LossCache
from bpnet.nn.memory import Memory, Room
from bpnet.nn.registry import build_loss
from bpnet.nn.sequential import Workspace

if TYPE_CHECKING:
    from bpnet.data.distortion.views import Views
    from bpnet.fast.inference.program import Program

Solver = Callable[[NDArray[Any]], Array]


class Ensemble:
    """Let M networks answer together, each looking at N views of every picture.

    The answer is the mean of their probabilities, or of their estimates of plain numbers:

        p̄(x) = 1 / (M N) Σ_m Σ_k p_m(view_k(x)).

    where p_m is at the network's own temperature.

    Except in plain networks, batch normalisation is folded (`fast/fold.py`), and perceptrons become
    lists of calls (`fast/inference`): such networks keep the weights of the moment at which that
    is done.

    Args:
        models: they take the same samples and answer with the same classes, or with equally many
            numbers.
        views: N; more than one needs pictures in uint8. The first view is the picture itself.

    Source: Hansen and Salamon, 1990; views of one picture: Krizhevsky et al., 2012, section 4.1.
    """

    def __init__(self, models: Sequence[Model], views: int = 1) -> None:
        self.members = [model if model.is_plain else model.folded() for model in models]
        self._programs: dict[bool, list[Program | None]] = {}
        self.views = views
        self.averages = len(self.members) > 1 or views > 1

    @property
    def loss(self) -> Loss:
        """Return what scores the answers.

        Probabilities of classes are scored by their cross-entropy, whatever the networks were
        trained with; everything else by the first network's loss, without label smoothing.
        """
        first = self.members[0]
        if first.class_names:
            return CrossEntropy(len(first.class_names))
        return build_loss(first.network.loss.kind, first.network.loss.outputs)

    def logits(self, outputs: Array) -> Array:
        """Return what `Answers.outputs` gave such that `loss` finds the probabilities in it."""
        one = self.members[0]
        return one.logits(outputs) if one.class_names and not self.averages else outputs

    def programs(self, most: int) -> list[Program | None]:
        """Return each network's program for calls with up to `most` samples, if it has one."""
        if all(model.is_plain for model in self.members):
            return [None] * len(self.members)
        from bpnet.model.ready import program_of  # plain networks load nothing fast

        single = most == 1
        if single not in self._programs:
            self._programs[single] = [program_of(model, most) for model in self.members]
        return self._programs[single]


class Answers:
    """Compute an ensemble's answers in memory of its own; so every worker needs one.

    Args:
        ensemble: whose answers they are.
        most: samples of the largest call.
    """

    def __init__(self, ensemble: Ensemble, most: int) -> None:
        self.loss = ensemble.loss
        self.ensemble = ensemble
        self._solvers = [
            solver(model, program, most)
            for model, program in zip(ensemble.members, ensemble.programs(most), strict=True)
        ]
        self._caches: dict[int, LossCache] = {}
        self._views: Views | None = None
        if ensemble.views > 1:
            from bpnet.data.distortion.views import Views  # one view needs no distortion

            first = ensemble.members[0]
            _, height, width = first.network.input_shape
            form = first.preparation
            bright = form is not None and form.has_bright_paper
            self._views = Views(ensemble.views, (height, width), most, bright_paper=bright)

    def outputs(self, samples: NDArray[Any]) -> Array:
        """Return outputs (outputs, batch) for samples (batch, …), valid until the next call.

        Those of a single network; else such as stand for the mean: `Ensemble.loss` finds the mean
        probabilities, or the mean estimates, in them. A yes-or-no question's mean probability is
        σ(z̄) with

            z̄ = log Σ σ(z) − log Σ σ(−z),

        summed over all networks and views: so a sure no loses no more digits than a sure yes.
        """
        if not self.ensemble.averages:
            return self._solvers[0](samples)
        if self.loss.applies is SOFTMAX:
            mean = self._mean(samples, Model.class_probabilities)
            return np.log(np.maximum(mean, LEAST))
        if self.loss.answers_questions:
            yes, no = np.logaddexp.reduce(list(self._each(samples, log_probabilities)))
            z: Array = yes - no
            return z
        return self._mean(samples, lambda model, outputs: model.network.loss.estimates(outputs))

    def probabilities(self, samples: NDArray[Any]) -> Array:
        """Return the class probabilities (batch, classes) of up to `most` samples (batch, …)."""
        logits = self.ensemble.logits(self.outputs(samples))
        return self.loss.probabilities(logits).T

    def total_loss(self, loss: Loss, outputs: Array, targets: NDArray[Any]) -> float:
        """Return the sum over samples of a loss, `self.loss` or a network's, of their outputs."""
        batch = len(targets)
        if batch not in self._caches:
            dtype = self.ensemble.members[0].network.dtype
            self._caches[batch] = loss.allocate(Room(batch, Memory(dtype, training=False)))
        return loss.forward(outputs, targets, self._caches[batch])

    def _mean(self, samples: NDArray[Any], meaning: Callable[[Model, Array], Array]) -> Array:
        """Return the mean (outputs, batch) of what all outputs mean, in float64."""
        total = np.zeros((self.loss.outputs, len(samples)))
        for meant in self._each(samples, meaning):
            total += meant
        total /= len(self.ensemble.members) * self.ensemble.views
        return total

    def _each(
        self, samples: NDArray[Any], meaning: Callable[[Model, Array], Array]
    ) -> Iterator[Array]:
        """Yield what each network's outputs for each view mean, valid until the next one."""
        for number in range(self.ensemble.views):
            seen = samples if self._views is None else self._views.show(samples, number)
            for model, outputs in zip(self.ensemble.members, self._solvers, strict=True):
                yield meaning(model, outputs(seen))


def solver(model: Model, program: Program | None, most: int) -> Solver:
    """Return a function from samples (batch, …) to outputs (outputs, batch).

    Args:
        model: the network.
        program: its program for calls of that size, or None if it has none.
        most: samples of the largest call.
    """
    if program is None:
        workspace = Workspace(model.network, most, training=False)
        return lambda samples: model.outputs(samples, workspace)
    from bpnet.model.ready import ReadyPlans

    return ReadyPlans(program, model.network.loss.outputs, most).outputs


def log_probabilities(model: Model, outputs: Array) -> Array:
    """Return log σ(z) and log σ(−z), of yes and of no, for questions (outputs, batch).

    A network with another loss was trained to answer with the probability of yes itself.

    Returns:
        (2, outputs, batch) in float64.
    """
    z = outputs.astype(np.float64)
    if model.network.loss.answers_questions:
        return -np.logaddexp(0, np.stack([-z, z]))
    return np.log(np.clip(np.stack([z, 1 - z]), LEAST, 1))
