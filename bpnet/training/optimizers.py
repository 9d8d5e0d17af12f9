"""Name every optimiser."""

from bpnet.config.settings import OptimizerConfig
from bpnet.nn.parameters import FlatArrays
from bpnet.training.adaptive import Adagrad, Adam, AdamW, RMSProp
from bpnet.training.layerwise import LAMB, LARS
from bpnet.training.optimizer import SGD, Optimizer

OPTIMIZERS: dict[str, type[Optimizer]] = {
    optimizer.name: optimizer for optimizer in (SGD, Adam, AdamW, RMSProp, Adagrad, LARS, LAMB)
}


def build_optimizer(
    parameters: FlatArrays, config: OptimizerConfig, grad_clip: float = 0.0
) -> Optimizer:
    """Return the optimiser that a config names."""
    return OPTIMIZERS[config.name](parameters, config, grad_clip)
