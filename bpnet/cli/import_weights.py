"""Make a checkpoint of weights that were trained elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import options
from bpnet.cli.command import BpnetCommand
from bpnet.cli.output import note, show, show_json
from bpnet.disk import DIRECTORY, reason, remedy, what_is_at
from bpnet.errors import CheckpointError, ConfigError
from bpnet.files import demand_place
from bpnet.model.run_files import BEST, RUN_FILES

if TYPE_CHECKING:
    from bpnet.config.settings import Config
    from bpnet.foreign_weights.description import Greys
    from bpnet.foreign_weights.importing import Imported

SUFFIX = ".npz"
A_FILE = options.PathType(".safetensors", ".npz", ".json")
LEAST, MOST = 1e-6, 1e6  # deviation and mean: beyond what any pictures have


@click.command(
    cls=BpnetCommand,
    examples={
        "import digits.safetensors": "a file that bpnet has exported",
        "import model.safetensors --config convnet": "of PyTorch",
        "import network.json -o textbook.npz": "of the textbook's program",
    },
)
@click.argument("file", type=A_FILE, metavar="FILE.safetensors|FILE.npz|FILE.json")
@click.option(
    "--config",
    type=options.A_CONFIG,
    metavar=options.CONFIG,
    help="The network: as many layers, of the same shapes. Files that bpnet has exported, and the "
    "textbook's, tell it themselves.",
)
@options.with_settings
@click.option(
    "-o",
    "--output",
    type=options.PathType(SUFFIX),
    metavar="FILE.npz|DIR",
    help="Where to write the checkpoint; default: a .npz file of the same name, here.",
)
@click.option(
    "--normalize",
    type=click.Choice(["standard", "unit", "none"]),
    help="How pictures become inputs: (x/255 − mean)/std, x/255, or x; default: as the file or "
    "the config says.",
)
@click.option(
    "--mean",
    type=float,
    metavar="M",
    help="Mean of greys from 0 to 1; MNIST's is 0.1307.",
)
@click.option(
    "--std",
    type=float,
    metavar="S",
    help="Their standard deviation; MNIST's is 0.3081.",
)
@options.data_dir
@options.as_json
def command(
    file: Path,
    config: str | None,
    overrides: tuple[str, ...],
    output: Path | None,
    normalize: str | None,
    mean: float | None,
    std: float | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Make a checkpoint of weights trained elsewhere, for eval, predict and train --from.

    Arrays have the shapes of PyTorch's state_dict. Their names need not be bpnet's: modules are
    told by their shapes, and those of equal shapes by their order. Pictures are normalised as for
    MNIST, with mean 0.1307 and standard deviation 0.3081, unless the file, the config or an option
    says otherwise. Nothing in the file is run.
    """
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.foreign_weights.importing import import_weights, save_imported

    greys = read_greys(normalize, mean, std)
    path = place_of(file, output)
    found = import_weights(
        file, read_config(config, overrides), greys, data_dir, DownloadProgress()
    )
    make_folder(path, output)
    save_imported(found, path, "-o")
    for warning in found.warnings:
        note(f"warning: {warning}")
    if as_json:
        show_json(document(found, file, path))
        return
    show(str(path.absolute()))
    note(f"inputs: {found.note}")
    note(*(f"  {ours} ← {theirs}" for ours, theirs in found.names.items()))
    place = output if output is not None and path.parent == output else path
    show("", "next:")
    show(f"  {options.command_line('eval', place)}")
    show(f"  {options.command_line('train', '--from', place)}")


def read_greys(normalize: str | None, mean: float | None, std: float | None) -> Greys:
    """Return what the options say of the pictures.

    Raises:
        UsageError: they contradict each other.
    """
    from bpnet.foreign_weights.description import Greys

    if (mean is None) != (std is None):
        raise click.UsageError("--mean and --std belong together: give both.")
    if mean is None or std is None:
        return Greys(normalize)
    if normalize in ("unit", "none"):
        raise click.UsageError(f"--normalize {normalize} takes no --mean and --std.")
    if not (abs(mean) <= MOST and LEAST <= std <= MOST):  # nor does nan fit
        raise click.UsageError("--mean and --std are those of greys from 0 to 1.")
    return Greys(moments=(mean, std))


def read_config(name: str | None, overrides: tuple[str, ...]) -> Config | None:
    """Return the config of the network, if one is named."""
    from bpnet.config.loading import load_config

    if name is None and overrides:
        raise click.UsageError("--set changes a config: name one with --config.")
    return None if name is None else load_config(name, overrides)


def place_of(file: Path, output: Path | None) -> Path:
    """Return where the checkpoint goes, where there must be nothing yet.

    Raises:
        ConfigError: the name is that of a file of another kind.
        CheckpointError: there is something, or nothing can be there.
    """
    if output is not None and what_is_at(output) != DIRECTORY:
        _demand_checkpoint_name(output)
    if output is None:
        path = Path(file.stem + SUFFIX)
        path = path if file.suffix.lower() != SUFFIX else Path(f"{file.stem}-imported{SUFFIX}")
    elif output.suffix.lower() == SUFFIX and what_is_at(output) != DIRECTORY:
        path = output
    else:
        path = output / BEST
    taken = [name for name in RUN_FILES if os.path.lexists(path.parent / name)]
    if os.path.lexists(path) or (path.name == BEST and taken):
        raise CheckpointError(
            "nothing is overwritten by an import",
            where=path,
            found=", ".join(taken) if path.name == BEST and taken else what_is_at(path),
            hint="choose another place with -o",
        )
    if output is not None and what_is_at(output) != DIRECTORY:
        demand_place(output, "checkpoint", CheckpointError)
    return path


def _demand_checkpoint_name(output: Path) -> None:
    """Make sure that a name is not meant for a file of another kind."""
    from bpnet.export.formats import INSTEAD, SUFFIXES

    others = ({*SUFFIXES, *INSTEAD} | {".ini"}) - {"", SUFFIX}
    if output.suffix.lower() in others or str(output) == "-":
        raise ConfigError(
            "an import makes a checkpoint",
            where="-o",
            expected=f"a name that ends in {SUFFIX}, or a directory's",
            found=output,
            hint="`bpnet export` writes that checkpoint in other formats",
        )


def make_folder(path: Path, output: Path | None) -> None:
    """Make the directory that was named for the checkpoint.

    Raises:
        CheckpointError: it cannot be made.
    """
    if path.parent != output:
        return
    try:
        output.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            "the directory cannot be made",
            where=output,
            found=reason(error),
            hint=remedy(error, "choose another place with -o"),
        ) from error


def document(found: Imported, file: Path, path: Path) -> dict[str, Any]:
    """Return what was made of a file, in plain values."""
    normalization = found.model.normalization
    return {
        "checkpoint": str(path.absolute()),
        "weights": str(file.absolute()),
        "names": found.names,
        "normalization": {"scale": normalization.scale, "offset": normalization.offset},
        "class_names": list(found.model.class_names),
        "warnings": found.warnings,
    }
