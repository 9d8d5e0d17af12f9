"""Read samples that are given in the config itself."""

import numpy as np

from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset, Samples


def load_table(config: Config) -> Dataset:
    """Return the samples under `[data] inputs` and `targets`; they serve as the test set as well.

    With cross_entropy, one-hot rows become class numbers.
    """
    data = config.data
    inputs = np.array(data.inputs, dtype=np.float64)
    targets = np.array(data.targets, dtype=np.float64)
    class_names: tuple[str, ...] = ()
    is_one_hot = ((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all()
    if config.train.loss == "cross_entropy" and is_one_hot:
        class_names = tuple(str(label) for label in range(targets.shape[1]))
        targets = targets.argmax(axis=1)
    samples = Samples(inputs.reshape(len(inputs), *(data.input_shape or inputs.shape[1:])), targets)
    return Dataset("table", samples, samples, class_names)
