"""Train and answer with bpnet itself, as its commands do."""

import atexit
import tempfile
from contextlib import ExitStack
from pathlib import Path

import bpnet
from bpnet.data.dataset import Dataset, Samples
from bpnet.fast.processor import this_processor
from bpnet.machine import blas_kernel, blas_threads
from bpnet.model.blocks import probabilities
from bpnet.model.build import build_model
from bpnet.model.ensemble import Answers, Ensemble
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
    if work.batch_size == 1:
        return Answers(ensemble, most=1).probabilities
    return lambda images: probabilities(ensemble, images, workers)
