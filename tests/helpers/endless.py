"""A small network, and few of the digits that are drawn without end."""

from functools import cache

from bpnet.data.dataset import Dataset, Samples
from bpnet.data.endless import EndlessDigits
from bpnet.data.synthetic import CLASS_NAMES, draw_digits

REPEAT = 600  # digits of an epoch: not a whole number of blocks
TEXT = f"""
[data]
dataset = synthetic
synthetic_train = 0
repeat = {REPEAT}
synthetic_test = 10
validation = 20
[model]
layers =
    flatten
    linear 12
    relu
    linear 10
[train]
epochs = 2
batch_size = 64
"""
STEPS = 10  # in an epoch, the last of which is short


@cache
def few_digits() -> Dataset:
    """Return the data set of such a config, with fewer pictures that are kept."""
    train, test = (
        Samples(*draw_digits(count, 1, purpose=f"synthetic {part}"))
        for part, count in (("train", 60), ("test", 10))
    )
    return Dataset("synthetic", train, test, CLASS_NAMES, EndlessDigits(1, 1.0, REPEAT))
