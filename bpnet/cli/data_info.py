"""Show which data sets are kept, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import options
from bpnet.cli.output import show, show_json, terminal_width
from bpnet.errors import DataError, some
from bpnet.narrow import fitted_text

if TYPE_CHECKING:
    from bpnet.data.files.catalogue import KnownDataset
    from bpnet.data.mnist import FileReport


BELOW_NAMES = 43  # columns before a checksum, if the terminal is as wide as that and it
WIDE = BELOW_NAMES + len("SHA-256 of the content ") + 64


@click.command(name="info", short_help="Show what is there and where.")
@click.argument("name", metavar="[NAME]", required=False)
@options.data_dir
@options.as_json
def command(name: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Show where the data sets are kept, which files are there and what they hold.

    NAME is mnist, fashion_mnist, synthetic or an imported data set; default: all.
    """
    from bpnet.data.cache import LEFT, kept_in
    from bpnet.data.files.catalogue import KNOWN
    from bpnet.data.files.directory import data_directory
    from bpnet.data.imported import imported_folder, imported_names

    directory = data_directory(data_dir).path
    known = [name] if name in KNOWN else [] if name else list(KNOWN)
    imported = imported_names(data_dir) if name is None else []
    if name is not None and name not in (*KNOWN, "synthetic"):
        imported = [imported_folder(name, data_dir).name]
    kept = kept_in(data_dir)
    drawn = [one for one in kept if one.name == "synthetic" and name in (None, "synthetic")]
    summary = {
        "data_dir": str(directory),
        "datasets": [describe(KNOWN[one], data_dir) for one in known],
        "synthetic": [str(one.path) for one in drawn if one.kind != LEFT],
        "imported": [describe_import(directory / one) for one in imported],
        "left_over": [str(one.path) for one in kept if one.kind == LEFT],
        "bytes": sum(one.bytes for one in kept),
    }
    if as_json:
        show_json(summary)
    else:
        show(*fitted_text(text(summary), terminal_width()))


def describe(known: KnownDataset, data_dir: Path | None) -> dict[str, Any]:
    """Return the description of a data set that bpnet knows in plain values."""
    from bpnet.data.mnist import inspect_files

    reports = inspect_files(known, data_dir)
    train, test = reports[0].shape, reports[2].shape
    return {
        "name": known.name,
        "complete": not any(report.problem for report in reports),
        "train_samples": train[0] if train else None,
        "test_samples": test[0] if test else None,
        "classes": list(known.class_names),
        "mirrors": list(known.mirrors),
        "files": [
            {
                "name": report.name,
                "status": status_of(report),
                "path": str(report.path) if report.path else None,
                "bytes": report.path.stat().st_size if report.path else None,
                "shape": report.shape,
                "sha256": report.sha256,
            }
            for report in reports
        ],
    }


def describe_import(folder: Path) -> dict[str, Any]:
    """Return the description of an imported data set, or of a folder like one, in plain values."""
    from bpnet.data.cache import origin_of
    from bpnet.data.idx_folder import load_idx_folder

    described: dict[str, Any] = {
        "name": folder.name,
        "path": str(folder),
        "source": origin_of(folder),
        "problem": None,
        "train_samples": None,
        "test_samples": None,
        "shape": None,
        "classes": None,
    }
    try:
        dataset = load_idx_folder(folder, name=folder.name)
    except DataError as error:
        return described | {"problem": error.what}
    return described | {
        "train_samples": len(dataset.train),
        "test_samples": len(dataset.test),
        "shape": list(dataset.train.inputs.shape[1:]),
        "classes": list(dataset.class_names),
    }


def text(summary: dict[str, Any]) -> list[str]:
    """Return the description of all data sets as lines of text."""
    lines = [f"data directory: {summary['data_dir']}"]
    indent = BELOW_NAMES if (terminal_width() or WIDE) >= WIDE else 4
    for dataset in summary["datasets"]:
        state = "complete" if dataset["complete"] else "incomplete"
        lines += ["", f"{dataset['name']}: {state}, classes {', '.join(dataset['classes'])}"]
        for file in dataset["files"]:
            shape = " × ".join(map(str, file["shape"] or ()))
            size = f"{file['bytes']} bytes" if file["bytes"] is not None else ""
            where = file["path"] or file["name"]
            lines.append(f"  {file['status']:8} {shape:>15} {size:>15}  {where}")
            if file["sha256"]:
                lines.append(f"{'':{indent}}SHA-256 of the content {file['sha256']}")
    for dataset in summary["imported"]:
        kind = "imported" if dataset["source"] else "a folder of IDX files"
        lines += ["", f"{dataset['name']}: {dataset['problem'] or kind}, {dataset['path']}"]
        if dataset["source"]:
            lines.append(f"  from {dataset['source']}")
        if not dataset["problem"]:
            height, width = dataset["shape"]
            lines += [
                f"  {dataset['train_samples']:,} + {dataset['test_samples']:,} pictures of "
                f"{height}×{width} pixels, classes {some(dataset['classes'])}"
            ]
    for folder in summary["synthetic"]:
        lines += ["", f"synthetic: {folder}"]
    for folder in summary["left_over"]:
        lines += ["", f"left over, which `bpnet data clean` removes: {folder}"]
    return lines


def status_of(report: FileReport) -> str:
    """Return `good`, `damaged` or `missing`."""
    if report.path is None:
        return "missing"
    return "damaged" if report.problem else "good"
