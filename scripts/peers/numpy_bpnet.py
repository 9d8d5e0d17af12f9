"""Train with bpnet itself, as `bpnet train` does."""

import atexit
import tempfile
from contextlib import ExitStack
from pathlib import Path

import bpnet
from bpnet.data.dataset import Dataset, Samples
from bpnet.machine import blas_threads
from bpnet.training.loop import Trainer
from bpnet.training.run import choose_workers, prepare_model
from peers.work import Step, Work

VERSION = bpnet.__version__


def build(work: Work, mode: str) -> Step:
    """Return the training step; there is one mode, `own`."""
    few = Samples(work.images[:100], work.labels[:100])
    dataset = Dataset("mnist", Samples(work.images, work.labels), few, tuple("0123456789"))
    until_exit = ExitStack()
    atexit.register(until_exit.close)
    until_exit.enter_context(blas_threads(work.config.train.blas_threads))
    workers = until_exit.enter_context(choose_workers(work.config))
    model = prepare_model(work.config, dataset)
    trainer = Trainer(model, dataset, Path(tempfile.gettempdir()), workers, "")
    until_exit.enter_context(trainer.engine)
    return trainer.step
