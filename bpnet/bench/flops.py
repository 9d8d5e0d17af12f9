"""Count the operations of a training step, and measure this machine's peak of them per second."""

import numpy as np

from bpnet.bench.work import repeat
from bpnet.machine import available_cores, blas_threads
from bpnet.nn.sequential import Sequential

PEAK_SIZE = 2048


def training_flops(network: Sequential) -> list[int]:
    """Return each stage's floating-point operations for one sample, forward and backward.

    A multiply-add is two. `z = W a`, `dW = δ aᵀ` and `Wᵀ δ` take equally many; the first trained
    stage needs no gradient of its input. They are counted as the textbook writes them: a faster
    way to the same result, such as Winograd's, counts as speed.
    """
    layers = [stage.layer for stage in network.stages]
    first = next((layer for layer in layers if layer.parameter_shapes), None)
    return [2 * layer.multiply_adds() * (2 if layer is first else 3) for layer in layers]


def measure_peak(seconds: float) -> float:
    """Return the best speed of a large float32 matrix product on all cores, in GFLOP/s."""
    a = np.random.default_rng(0).random((PEAK_SIZE, PEAK_SIZE), dtype=np.float32)
    b, out = a.T.copy(), np.empty_like(a)
    with blas_threads(available_cores()):
        best = min(repeat(lambda: np.matmul(a, b, out=out), seconds))
    return 2 * PEAK_SIZE**3 / best / 1e9
