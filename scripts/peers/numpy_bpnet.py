"""Train and answer with bpnet itself, as its commands do."""

import atexit
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import bpnet
from bpnet.data.dataset import Dataset, Samples
from bpnet.fast.processor import this_processor
from bpnet.machine import blas_kernel, blas_threads
from bpnet.model.build import build_model
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.score import block_size
from bpnet.training.loop import Trainer
from bpnet.training.run import choose_workers, prepare_model
from peers.work import Answer, Training, Work, flat_list, one_by_one

VERSION = f"{bpnet.__version__} (kernels {blas_kernel()}, sizes for {this_processor()})"


def train(work: Work, mode: str) -> Training:
    """Return the training; there is one mode, `own`."""
    few = Samples(work.images[:100], work.labels[:100])
    dataset = Dataset("mnist", Samples(work.images, work.labels), few, tuple("0123456789"))
    until_exit = ExitStack()
    atexit.register(until_exit.close)
    until_exit.enter_context(blas_threads(work.config.train.blas_threads))
    workers = until_exit.enter_context(choose_workers(work.config))
    model = prepare_model(work.config, dataset)
    trainer = Trainer(model, dataset, Path(tempfile.gettempdir()), workers, "")
    until_exit.enter_context(trainer.engine)
    views = model.network.parameters.views
    return Training(one_by_one(trainer.step), lambda: flat_list(views), until_exit.close)


def answer(work: Work, mode: str) -> Answer:
    """Return what answers `work.batch_size` pictures; there is one mode, `own`."""
    until_exit = ExitStack()
    atexit.register(until_exit.close)
    until_exit.enter_context(blas_threads(work.config.train.blas_threads))
    workers = until_exit.enter_context(choose_workers(work.config))
    names = tuple("0123456789")
    ensemble = Ensemble([build_model(work.config, (1, 28, 28), 10, work.normalization(), names)])
    size = min(block_size(ensemble), work.batch_size)
    starts = range(0, work.batch_size, size)
    desks = [Answers(ensemble, size) for _ in range(min(workers.count, len(starts)))]
    found = np.empty((work.batch_size, 10), np.float32)

    def answer_blocks(images: NDArray[np.uint8], first: int) -> None:
        for start in starts[first :: len(desks)]:
            block = slice(start, start + size)
            found[block] = desks[first].probabilities(images[block])

    def probabilities(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        workers.run([partial(answer_blocks, images, first) for first in range(len(desks))])
        return found

    return probabilities
