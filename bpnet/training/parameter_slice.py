"""Take the same elements of all flat arrays that an update touches."""

from dataclasses import dataclass, field

from bpnet.nn.layer import Array


@dataclass(frozen=True, slots=True)
class ParameterSlice:
    """Hold some parameters with everything that their update needs.

    Args:
        w: the parameters.
        gradient: g, of the mean loss by each of them.
        memories: what the optimiser remembers of them, by name.
        scratch: to work in.
        decays: whether weight decay pulls on them.
        array: number of the array that they are of, for rules that look at each as a whole.
        others: the same gradients as the other shards found them, to be added in order.
        average: their moving average, where one is kept.
    """

    w: Array
    gradient: Array
    memories: dict[str, Array]
    scratch: Array
    decays: bool
    array: int = 0
    others: list[Array] = field(default_factory=list)
    average: Array | None = None
