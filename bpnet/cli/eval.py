"""Score a checkpoint, or several together, on a data set."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import options
from bpnet.cli.checkpoints import described, open_checkpoint
from bpnet.cli.options import averaged_over, percent, views
from bpnet.cli.output import show, show_json
from bpnet.cli.same_split import check_same_samples, check_same_split
from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import AccuracyGateError, ConfigError, DataError, escaped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpnet.config.settings import Config
    from bpnet.data.dataset import Dataset, Samples
    from bpnet.model.model import Model
    from bpnet.model.score import Score

KNOWN = ("mnist", "fashion_mnist", "synthetic", "table")


def no_nan(context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Refuse nan, which passes any check of bounds: every comparison with it is false."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is not a fraction.", context, option)
    return value


@click.command(short_help="Score a checkpoint: loss, accuracy, 95 % interval, errors.")
@click.argument(
    "checkpoints",
    nargs=-1,
    required=True,
    type=options.PATH,
    metavar="CHECKPOINT|RUN_DIR…",
)
@options.data_dir
@click.option(
    "--dataset",
    metavar="NAME|DIR",
    help="Data set, or folder of IDX files; default: the one it was trained on.",
)
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
    help="Samples to score.",
)
@click.option(
    "--min-accuracy",
    type=click.FloatRange(0, 1),
    callback=no_nan,
    metavar="P",
    help="Exit with code 6 if the accuracy is below this fraction.",
)
@views
@options.as_json
def command(
    checkpoints: tuple[Path, ...],
    data_dir: Path | None,
    dataset: str | None,
    split: str,
    min_accuracy: float | None,
    views: int,
    as_json: bool,
) -> None:
    """Score a checkpoint: loss, accuracy and its 95 % interval, and where it goes wrong.

    Several checkpoints answer together, with the mean of their class probabilities, or of their
    estimates of plain numbers. They must take the same samples and know the same classes; the
    data set is that of the first. The loss of mean probabilities is their cross-entropy, whatever
    the networks were trained with.
    """
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.data.load import load_dataset
    from bpnet.machine import available_cores, blas_threads
    from bpnet.model.checkpoint import demand_finite
    from bpnet.model.ensemble import Ensemble
    from bpnet.model.score import evaluate
    from bpnet.model.workers import Workers

    opened = list(map(open_checkpoint, checkpoints))
    saved = [one.checkpoint for one in opened]
    paths = [checkpoint.path for checkpoint in saved]
    models = [checkpoint.model() for checkpoint in saved]
    if dataset is not None:
        models = [dataclasses.replace(m, config=choose_dataset(m, dataset)) for m in models]
    check_alike(models, paths)
    config = models[0].config
    if split != "test":
        check_same_split([model.config for model in models], paths, chosen=dataset is not None)
    is_folder = dataset is not None and dataset not in KNOWN  # which is named itself
    place = None if is_folder else data_dir
    data = load_dataset(config, place, progress=DownloadProgress())
    check_fit(models[0], data)
    if split != "test" and dataset is None:
        check_same_samples(
            [checkpoint.record.get("fingerprint") for checkpoint in saved], paths, data
        )
    check_views(views, data)
    samples, index = choose_samples(config, data, split)
    cores = available_cores() // config.train.blas_threads
    with blas_threads(config.train.blas_threads), Workers(max(1, cores)) as workers:
        score = evaluate(Ensemble(models, views), samples, workers, index)
        if not math.isfinite(score.loss):
            for model, path in zip(models, paths, strict=True):  # find the one to blame
                demand_finite(evaluate(model, samples, workers, index).loss, path)
    demand_finite(score.loss, paths[0])
    names, epochs = [one.name for one in opened], [one.epoch for one in opened]
    result = {
        "checkpoint": names[0] if len(names) == 1 else None,
        "checkpoints": names,
        "epoch": epochs[0] if len(names) == 1 else None,
        "epochs": epochs,
        "warnings": [warning for one in opened for warning in one.warnings],
        "dataset": data.name,
        "split": split,
        "views": views,
    } | describe(score, models[0])
    if as_json:
        show_json(result)
    else:
        show(*text(result))
    check_gate(score, min_accuracy)


def choose_dataset(model: Model, name: str) -> Config:
    """Return the model's config with another data set."""
    if name == "table" and not model.config.data.inputs:
        raise ConfigError("the checkpoint's config holds no table", where="--dataset")
    if name in KNOWN:
        drawn = model.config.data.drawn if name == "mnist" else 0  # drawn digits go with MNIST only
        data = dataclasses.replace(model.config.data, dataset=name, drawn=drawn)
    elif what_is_at(Path(name)) == DIRECTORY:
        path = str(Path(name).absolute())
        data = dataclasses.replace(model.config.data, dataset="idx", path=path, drawn=0)
    else:
        raise ConfigError(
            "there is no such data set",
            where="--dataset",
            expected=f"{', '.join(KNOWN)}, or a folder of IDX files",
            found=name,
        )
    return dataclasses.replace(model.config, data=data)


def check_fit(model: Model, data: Dataset) -> None:
    """Make sure that the network takes these samples and knows their classes."""
    expected = (model.network.input_shape, len(model.class_names))
    found = (data.input_shape, len(data.class_names))
    if expected != found:
        raise DataError(
            f"the network was made for data other than {data.name}",
            expected=f"samples of shape {expected[0]} in {expected[1]} classes",
            found=f"samples of shape {found[0]} in {found[1]} classes",
            hint="choose another --dataset",
        )


def check_alike(models: Sequence[Model], paths: Sequence[Path]) -> None:
    """Make sure that all networks take the samples of the first and know its classes."""

    def task(model: Model) -> str:
        known = f"the classes {', '.join(model.class_names)}"
        answer = known if model.class_names else f"{model.network.loss.outputs} numbers"
        return f"samples of shape {model.network.input_shape}, answered with {answer}"

    for model, path in zip(models[1:], paths[1:], strict=True):
        if task(model) != task(models[0]):
            raise DataError(
                "this network and the first one were made for different data",
                where=path,
                expected=task(models[0]),
                found=task(model),
                hint="score it on its own",
            )


def check_views(views: int, data: Dataset) -> None:
    """Make sure that samples to show in several views are pictures, and not too large."""
    from bpnet.data.distortion.warp import LARGEST_SIDE

    inputs = data.test.inputs
    if views == 1:
        return
    if inputs.dtype != "uint8" or inputs.ndim != 3:
        raise ConfigError(
            "only pictures can be shown in several views",
            where="--views",
            expected="grey pictures",
            found=f"numbers of shape {data.input_shape}",
        )
    height, width = inputs.shape[1:]
    if max(height, width) > LARGEST_SIDE:
        raise ConfigError(
            "these pictures are too large to be shown in several views",
            where="--views",
            expected=f"at most {LARGEST_SIDE}×{LARGEST_SIDE} pixels",
            found=f"{height}×{width} pixels",
            hint="leave --views out",
        )


def choose_samples(
    config: Config, data: Dataset, split: str
) -> tuple[Samples, NDArray[np.int64] | None]:
    """Return the samples that hold a split, and its sample numbers unless it is all of them."""
    from bpnet.data.split import split_samples

    if split == "test":
        return data.test, None
    training, validation = split_samples(config, data)
    index = training if split == "train" else validation
    if not len(index):
        raise ConfigError("the run held out no samples for validation", where="--split")
    return data.train, index


def describe(score: Score, model: Model) -> dict[str, Any]:
    """Return a score in plain values."""
    from bpnet.model.score import per_class, wilson_interval

    result: dict[str, Any] = {"samples": score.samples, "loss": score.loss}
    if score.correct is not None:
        low, high = wilson_interval(score.correct, score.samples)
        result |= {"accuracy": score.accuracy, "accuracy_low": low, "accuracy_high": high}
        result["errors"] = score.errors
    if score.confusion is None:
        return result | {"mae": score.mean_absolute_error, "mse": score.mean_squared_error}
    result["per_class"] = per_class(score.confusion, model.class_names)
    return result | {"confusion": score.confusion.tolist()}


def text(result: dict[str, Any]) -> list[str]:
    """Return the score as lines of text."""
    lines = [f"{result['dataset']}, {result['split']}: {result['samples']} samples"]
    networks = list(map(described, result["checkpoints"], result["epochs"]))
    if len(networks) == 1:
        lines.append(f"checkpoint {networks[0]}")
    else:
        lines.append(f"mean of {len(networks)} networks:")
        lines += [f"  {network}" for network in networks]
    if result["views"] > 1:
        lines.append(averaged_over(result["views"]))
    lines.append(f"loss      {result['loss']:.4f}")
    if "accuracy" in result:
        bounds = f"{percent(result['accuracy_low'])} – {percent(result['accuracy_high'])}"
        lines.append(f"accuracy  {percent(result['accuracy'])}  (95 %: {bounds})")
        lines.append(f"errors    {result['errors']}")
    if "confusion" not in result:
        lines += [f"mae       {result['mae']:.6g}", f"mse       {result['mse']:.6g}"]
        return lines
    names = [escaped(entry["label"]) for entry in result["per_class"]]
    width = max(6, *(len(name) + 1 for name in names))
    lines += ["", "class".ljust(width) + " precision    recall   samples"]
    for name, entry in zip(names, result["per_class"], strict=True):
        parts = [
            "–".rjust(10) if entry[key] is None else f"{100 * entry[key]:8.2f} %"
            for key in ("precision", "recall")
        ]
        lines.append(f"{name:{width}}{parts[0]}{parts[1]}{entry['samples']:10d}")
    lines += ["", "confusion: rows are true, columns predicted"]
    lines.append(" " * width + "".join(name.rjust(width) for name in names))
    for name, row in zip(names, result["confusion"], strict=True):
        lines.append(name.ljust(width) + "".join(str(count).rjust(width) for count in row))
    return lines


def check_gate(score: Score, least: float | None) -> None:
    """Raise an error if the accuracy is below the required one."""
    if least is None:
        return
    if score.accuracy is None:
        raise ConfigError("--min-accuracy needs classes; these targets are plain numbers")
    if score.accuracy < least:
        raise AccuracyGateError(
            "the accuracy is below the required one",
            expected=f"at least {percent(least)}",
            found=percent(score.accuracy),
        )
