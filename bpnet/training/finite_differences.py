"""Train without backpropagation: every gradient is taken by central differences of the loss.

`∂C/∂w_i ≈ (C(w + h e_i) − C(w − h e_i)) / 2h`: two passes forward for each parameter, in every
step. Backpropagation finds them all in one pass forward and one back. Everything else is the same:
batches, loss, optimiser, schedule.

Source: Nielsen, 2015, chapter 2, "In what sense is backpropagation a fast algorithm?".
"""

from __future__ import annotations

from collections.abc import Callable

from bpnet.config.settings import Config
from bpnet.errors import ConfigError, listed
from bpnet.model.model import Model
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Sequential
from bpnet.training.step.batch import Batch
from bpnet.training.step.sample_shard import SampleShard

# h, times |w| where that is above 1: the cube root of float64's precision, with which the curvature
# of the loss and its rounding add errors of the same size.
STEP = 6e-6
MOST_PARAMETERS = 10_000  # more than twenty thousand passes a step


def central_differences(loss: Callable[[], float], w: Array, gradient: Array) -> None:
    """Write `(C(w + h e_i) − C(w − h e_i)) / 2h` for every parameter to `gradient`.

    Args:
        loss: returns C for what w holds at the time.
        w: all parameters (parameters,); each is moved, and put back.
        gradient: (parameters,).
    """
    for i in range(w.size):
        start = float(w[i])
        h = STEP * max(1.0, abs(start))
        w[i] = start + h
        above = loss()
        w[i] = start - h
        below = loss()
        w[i] = start
        gradient[i] = (above - below) / (2 * h)


class DifferenceShard(SampleShard):
    """Take the gradient of a whole batch by central differences; all else as any shard does."""

    @staticmethod
    def samples_at_once(network: Sequential, shard: int, of_batch: int) -> int:
        """Return the whole shard: each micro-batch would need all passes of its own."""
        return shard

    def differentiate(self, batch: Batch, samples: slice) -> float:
        """Overwrite the workspace's gradient by that of some samples; return their loss sum.

        Dropout drops the same activations in every pass. The last pass, at w itself, leaves the
        answers behind, and the statistics of batch normalisation.
        """
        given = self.gather(batch, samples)

        def loss() -> float:
            return self.forward(batch, samples, *given)[0] / len(batch.index)

        w, gradient = self.model.network.parameters.flat, self.of_micro_batch.flat
        central_differences(loss, w, gradient)
        return loss() * len(batch.index)


def passes_forward(parameters: int) -> int:
    """Return how many passes forward a step takes: two for each parameter, one for the loss."""
    return 2 * parameters + 1


def demand_few_parameters(model: Model) -> None:
    """Make sure that differences are possible, and exact enough, if the config asks for them.

    Raises:
        ConfigError: they are not; all reasons are listed.
    """
    config = model.config
    if not takes_differences(config):
        return
    parameters = model.network.parameters.flat.size
    problems, settings = [], []
    if parameters > MOST_PARAMETERS:
        passes = f"{passes_forward(parameters):,} passes forward in every step"
        problems.append(f"{parameters:,} parameters take {passes}; at most {MOST_PARAMETERS:,}")
    if config.model.dtype != "float64":
        problems.append("differences of losses in float32 are mostly rounding")
        settings.append("--set model.dtype=float64")
    if config.train.shards != 1:
        problems.append("the loss that is compared is that of the whole batch: there is one shard")
        settings.append("--set train.shards=1")
    if config.train.accumulate != 1:
        problems.append("there is one batch in a step, whose loss is compared")
        settings.append("--set train.accumulate=1")
    if config.train.split != "samples":
        problems.append("that shard has whole samples, not hidden units")
        settings.append("--set train.split=samples")
    if problems:
        raise ConfigError(
            "gradients cannot be taken by finite differences",
            where="train.gradients",
            details=listed(problems),
            hint="a smaller network" if parameters > MOST_PARAMETERS else " ".join(settings),
        )


def takes_differences(config: Config) -> bool:
    """Return whether a config asks for finite differences."""
    return config.train.gradients == "finite_differences"


def shard_kind(config: Config) -> type[SampleShard]:
    """Return how the shards of a config take their gradients."""
    return DifferenceShard if takes_differences(config) else SampleShard
