"""Load a trained network, and use it."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bpnet.errors import BpnetWarning, ConfigError, counted, some
from bpnet.library.advice import python_advice
from bpnet.library.arrays import as_array, as_class_numbers, as_numbers, as_pictures
from bpnet.library.html import text
from bpnet.library.layer_table import LayerTable
from bpnet.library.numbers import whole_number
from bpnet.library.opening import SHIPPED, described, named_place, open_checkpoint
from bpnet.library.pictures import NamedPicture, is_one_picture, named_pictures
from bpnet.library.predictions import BLANK, Predictions
from bpnet.machine import available_cores, blas_threads
from bpnet.model.blocks import answers_to
from bpnet.model.ensemble import Ensemble
from bpnet.model.model import Model as Network
from bpnet.model.run_files import RUN_FILES
from bpnet.model.workers import Workers
from bpnet.nn.layer import Array, Shape

if TYPE_CHECKING:
    from bpnet.library.evaluation import Evaluation
    from bpnet.library.settings import Place

MOST_VIEWS = 100
OTHERS = "to have pictures of other kinds and sizes prepared one by one, give list(images)"


def load(checkpoint: Place = SHIPPED) -> Model:
    """Load a trained network.

    >>> import bpnet
    >>> model = bpnet.load()
    >>> len(model.classes), model.input_shape
    (11, (1, 28, 28))

    Args:
        checkpoint: a checkpoint, a run directory (of which the best one is taken), `last` for the
            newest run below `runs`, `best` for the best one, or `digits` for the weights that ship
            with bpnet.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    opened = open_checkpoint(named_place(Path(checkpoint)))
    for warning in opened.warnings:
        warnings.warn(warning, BpnetWarning, stacklevel=2)
    path = opened.checkpoint.path
    name = f"{path.absolute().parent.name}/{path.name}" if path.name in RUN_FILES else path.name
    return Model(opened.checkpoint.model(), path, described(name, opened.epoch))


class Model:
    """Answer questions about samples with a trained network.

    `bpnet.load` makes one, and so does a run: `run.model`.

    Args:
        network: with all that is needed to use it.
        path: of the checkpoint that it was read from.
        name: of the network, for people.
    """

    def __init__(self, network: Network, path: Path, name: str) -> None:
        self.network = network
        self.path = path
        self.name = name

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes; none where the network answers with plain numbers."""
        return self.network.class_names

    @property
    def input_shape(self) -> Shape:
        """Return the shape of a sample: (1, height, width) of a picture."""
        return tuple(self.network.network.input_shape)

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """Return every setting of its training, by section and key, as `bpnet.train` takes them."""
        from bpnet.library.settings import as_settings

        return as_settings(self.network.config)

    @cached_property
    def layers(self) -> LayerTable:
        """Return the table of the layers: output shapes, parameters, cost and memory."""
        return LayerTable.of(self.network.network)

    @cached_property
    def plain(self) -> Network:
        """Return the network with each layer computed on its own, as the textbook has it."""
        return self.network.plain()

    def predict(self, images: Any, *, views: int = 1) -> Predictions:
        """Tell the class of each picture, with the probabilities of all classes.

        >>> labels, probabilities = bpnet.load().predict("seven.jpg")
        >>> labels
        array([7])
        >>> probabilities.shape
        (1, 11)

        An array of pictures that are as large as those of the training goes into the network as it
        is. Everything else is prepared as those pictures were: the digit is found, turned upright,
        fitted and placed.

        Args:
            images: pictures (samples, height, width) in uint8, or one (height, width); or the path
                or address of a picture file, an image of Pillow, an array (height, width, 3) in
                colours; or a list or iterator of any of these.
            views: how many slightly shifted, turned and scaled views of a picture are averaged.

        Returns:
            `labels` (samples,), the numbers of the classes, and `probabilities` (samples, classes).

        Raises:
            DataError: something is no picture, or of another kind or size than described.
            ConfigError: the network does not answer with classes.
        """
        self._demand_classes("predict")
        views = whole_number(views, "views", MOST_VIEWS)
        if isinstance(images, Iterator) and not is_one_picture(images):  # a file is, too
            images = list(images)
        if isinstance(images, list | tuple) and images and isinstance(images[0], list | tuple):
            images = as_array(images, "images")
        samples = self._samples_among(images)
        if samples is not None:
            probabilities = self._answers(samples, views)
            return Predictions(probabilities.argmax(axis=1), probabilities, self.classes)
        return self._read(named_pictures(images, "images"), views)

    def estimate(self, samples: Any) -> Array:
        """Return the numbers (samples, outputs) that a network without classes answers with.

        Args:
            samples: numbers (samples, *input_shape), or one sample.

        Raises:
            DataError: they have another shape, or are not finite.
            ConfigError: the network answers with classes.
        """
        if self.classes:
            hint = "use model.predict(images)"
            raise ConfigError("this network answers with classes", where=self.name, hint=hint)
        return self._answers(as_numbers(samples, "samples", self.input_shape), views=1)

    def evaluate(
        self,
        data: Any = None,
        labels: Any = None,
        *,
        split: str = "test",
        data_dir: Place | None = None,
        views: int = 1,
    ) -> Evaluation:
        """Score the network: accuracy with its 95 % interval, errors, loss, confusion.

        Args:
            data: pictures (samples, height, width) in uint8; or the name of a data set, or a
                folder; by default, the data set of its training.
            labels: of the pictures: numbers of classes from 0, or their names. For a network of
                plain numbers, what it should answer (samples, outputs).
            split: which samples of a data set: `test`, `validation` or `train`.
            data_dir: where data sets lie.
            views: as for `predict`.

        Raises:
            DataError: the samples or labels do not fit the network, or the data set is not there.
            ConfigError: the arguments contradict each other.
        """
        from bpnet.library.evaluate import evaluate_on_arrays, evaluate_on_dataset

        views = whole_number(views, "views", MOST_VIEWS)
        if data is None or isinstance(data, str | os.PathLike):
            if labels is not None:
                raise ConfigError("labels go with arrays of pictures", where="labels")
            chosen = None if data is None else os.fspath(data)
            place = None if data_dir is None else Path(data_dir)
            with python_advice():
                return evaluate_on_dataset(self.network, self.path, chosen, split, place, views)
        if labels is None:
            raise ConfigError("pictures are scored by their labels", where="labels", found="none")
        if split != "test" or data_dir is not None:
            raise ConfigError("split and data_dir go with a data set", found="arrays")
        samples: Any
        targets: Any
        if self.classes:
            samples = as_pictures(data, "data", self.input_shape[1:])
            targets = as_class_numbers(labels, "labels", len(samples), self.classes)
        else:
            samples = as_numbers(data, "data", self.input_shape)
            outputs = (self.network.network.loss.outputs,)
            targets = as_numbers(labels, "labels", outputs, "targets")
        return evaluate_on_arrays(self.network, self.path, samples, targets, views)

    def save(self, path: Place) -> Path:
        """Write the network to a checkpoint that `bpnet.load` and all commands take; return where.

        Args:
            path: of the file; one that is there is replaced in one step.

        Raises:
            CheckpointError: the disk is full or cannot be written.
        """
        from bpnet.training.saving import model_record, named_arrays, save_checkpoint

        network = self.network.network
        groups = {"parameters": network.parameters, "state": network.state}
        with python_advice(run_dir="path"):
            save_checkpoint(Path(path), model_record(self.network), named_arrays(groups))
        return Path(path)

    def _samples_among(self, images: Any) -> Any:
        """Return pictures that go into the network as they are; None where some must be read."""
        size = self.input_shape[1:]
        if isinstance(images, list | tuple):
            shapes = {getattr(image, "shape", None) for image in images}
            if not images or not shapes <= {size, (1, *size)}:
                return None
            return as_pictures(images, "images", size, OTHERS)
        shape = getattr(images, "shape", None)
        are_rows = shape is not None and len(shape) == 2 and shape[1] == math.prod(size)
        if shape is None or (is_one_picture(images) and shape != size and not are_rows):
            return None
        return as_pictures(images, "images", size, OTHERS)

    def _demand_classes(self, what: str) -> None:
        """Make sure that the network answers with classes.

        Raises:
            ConfigError: it does not.
        """
        if not self.classes:
            raise ConfigError(
                "this network answers with plain numbers, not with classes",
                where=what,
                found=self.name,
                hint="use model.estimate(samples)",
            )

    def _answers(self, samples: Any, views: int) -> Array:
        """Return what the network answers about samples that it takes as they are."""
        threads = self.network.config.train.blas_threads
        with blas_threads(threads), Workers(max(1, available_cores() // threads)) as workers:
            return answers_to(Ensemble([self.network], views), samples, workers)

    def _read(self, pictures: list[NamedPicture], views: int) -> Predictions:
        """Return the answers about pictures of any kind and size."""
        from bpnet.library.picture_reader import Wishes
        from bpnet.library.read import answers_about

        wishes = Wishes(segment=False, least=0.0, top=len(self.classes), rows=False)
        labels = np.full(len(pictures), BLANK, dtype=np.int64)
        probabilities = np.zeros((len(pictures), len(self.classes)))
        places = {name: number for number, name in enumerate(self.classes)}
        for number, entry in enumerate(answers_about(self, pictures, wishes, views)):
            for one in entry["top"]:
                probabilities[number, places[one["label"]]] = one["probability"]
            if entry["top"]:
                labels[number] = places[entry["top"][0]["label"]]
        return Predictions(labels, probabilities, self.classes)

    def _heading(self) -> str:
        if not self.classes:
            outputs = self.network.network.loss.outputs
            return f"{self.name}: answers with {counted(outputs, 'number', 'numbers')}"
        classes = counted(len(self.classes), "class", "classes")
        return f"{self.name}: {classes}: {some(self.classes)}"

    def __repr__(self) -> str:
        return "\n".join([self._heading(), *self.layers.lines()])

    def _repr_html_(self) -> str:
        return f"<p>{text(self._heading())}</p>{self.layers.html()}"
