"""Score a checkpoint on a data set."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import options
from bpnet.cli.options import percent
from bpnet.errors import AccuracyGateError, ConfigError, DataError

if TYPE_CHECKING:
    from bpnet.config import Config
    from bpnet.data.dataset import Dataset
    from bpnet.model import Model
    from bpnet.training.metrics import Score

KNOWN = ("mnist", "fashion_mnist", "synthetic", "table")


def no_nan(context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """Refuse nan, which lies within any bounds: no comparison with it fails."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is no fraction.", context, option)
    return value


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path), metavar="CHECKPOINT|RUN_DIR")
@options.data_dir
@click.option(
    "--dataset", metavar="NAME", help="Else the one it was trained on; or a folder of IDX files."
)
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
)
@click.option(
    "--min-accuracy",
    type=click.FloatRange(0, 1),
    callback=no_nan,
    metavar="P",
    help="Exit with 6 below this fraction.",
)
@options.as_json
def command(
    checkpoint: Path,
    data_dir: Path | None,
    dataset: str | None,
    split: str,
    min_accuracy: float | None,
    as_json: bool,
) -> None:
    """Score a checkpoint: loss, accuracy and its 95 % interval, and where it goes wrong."""
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.data.load import load_dataset
    from bpnet.training.checkpoint import load_checkpoint
    from bpnet.training.divergence import demand_finite
    from bpnet.training.loop import split_samples
    from bpnet.training.metrics import evaluate
    from bpnet.training.parallel import Workers, available_cores, blas_threads
    from bpnet.training.resume import checkpoint_path

    path = checkpoint_path(checkpoint)
    model = load_checkpoint(path).model()
    if dataset is not None:
        model = dataclasses.replace(model, config=choose_dataset(model, dataset))
    data = load_dataset(model.config, data_dir, progress=DownloadProgress())
    check_fit(model, data)
    samples, index = data.test, None
    if split != "test":
        samples = data.train
        training, validation = split_samples(model.config, data)
        index = training if split == "train" else validation
        if not len(index):
            raise ConfigError("the run held no samples out for validation", where="--split")
    cores = available_cores() // model.config.train.blas_threads
    with blas_threads(model.config.train.blas_threads), Workers(max(1, cores)) as workers:
        score = evaluate(model, samples, workers, index)
    demand_finite(score.loss, path)
    result = {"checkpoint": str(path.absolute()), "dataset": data.name, "split": split}
    result |= describe(score, model)
    click.echo(json.dumps(result, indent=2) if as_json else text(result))
    check_gate(score, min_accuracy)


def choose_dataset(model: Model, name: str) -> Config:
    """Return the model's config with another data set."""
    if name == "table" and not model.config.data.inputs:
        raise ConfigError("the checkpoint's config holds no table", where="--dataset")
    if name in KNOWN:
        data = dataclasses.replace(model.config.data, dataset=name)
    elif Path(name).is_dir():
        path = str(Path(name).absolute())
        data = dataclasses.replace(model.config.data, dataset="idx", path=path)
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
            f"the network was made for other data than {data.name}",
            expected=f"samples of shape {expected[0]} in {expected[1]} classes",
            found=f"samples of shape {found[0]} in {found[1]} classes",
            hint="choose another --dataset",
        )


def describe(score: Score, model: Model) -> dict[str, Any]:
    """Return a score in plain values."""
    from bpnet.training.metrics import per_class, wilson_interval

    result: dict[str, Any] = {"samples": score.samples, "loss": score.loss}
    if score.correct is not None:
        low, high = wilson_interval(score.correct, score.samples)
        result |= {"accuracy": score.accuracy, "accuracy_low": low, "accuracy_high": high}
        result["errors"] = score.errors
    if score.confusion is None:
        return result | {"mae": score.mean_absolute_error, "mse": score.mean_squared_error}
    result["per_class"] = per_class(score.confusion, model.class_names)
    return result | {"confusion": score.confusion.tolist()}


def text(result: dict[str, Any]) -> str:
    """Return the score for a reader."""
    lines = [f"{result['dataset']}, {result['split']}: {result['samples']} samples"]
    lines.append(f"loss      {result['loss']:.4f}")
    if "accuracy" in result:
        bounds = f"{percent(result['accuracy_low'])} – {percent(result['accuracy_high'])}"
        lines.append(f"accuracy  {percent(result['accuracy'])}  (95 %: {bounds})")
        lines.append(f"errors    {result['errors']}")
    if "confusion" not in result:
        lines += [f"mae       {result['mae']:.6g}", f"mse       {result['mse']:.6g}"]
        return "\n".join(lines)
    names = [entry["label"] for entry in result["per_class"]]
    width = max(6, *(len(name) + 1 for name in names))
    lines.append("\nclass".ljust(width + 1) + " precision    recall   samples")
    for entry in result["per_class"]:
        parts = [
            "–".rjust(10) if entry[key] is None else f"{100 * entry[key]:8.2f} %"
            for key in ("precision", "recall")
        ]
        lines.append(f"{entry['label']:{width}}{parts[0]}{parts[1]}{entry['samples']:10d}")
    lines.append("\nconfusion: rows are true, columns predicted")
    lines.append(" " * width + "".join(name.rjust(width) for name in names))
    for name, row in zip(names, result["confusion"], strict=True):
        lines.append(name.ljust(width) + "".join(str(count).rjust(width) for count in row))
    return "\n".join(lines)


def check_gate(score: Score, least: float | None) -> None:
    """Raise where the accuracy is below the one demanded."""
    if least is None:
        return
    if score.accuracy is None:
        raise ConfigError("--min-accuracy needs classes; these targets are plain numbers")
    if score.accuracy < least:
        raise AccuracyGateError(
            "the accuracy is below the one demanded",
            expected=f"at least {percent(least)}",
            found=percent(score.accuracy),
        )
