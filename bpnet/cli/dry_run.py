"""Check what a run would be, and write nothing: no file, no directory, no lock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bpnet.cli.options import command_line
from bpnet.cli.output import note
from bpnet.cli.run_start import StartNotes, data_option
from bpnet.library.run_start import prepare, take_weights

if TYPE_CHECKING:
    from bpnet.config.settings import Config
    from bpnet.library.run_start import RunStart
    from bpnet.model.model import Model


def check(start: RunStart, config: Config, data_dir: Path | None, *, as_json: bool) -> None:
    """Show the network, checked against the data, or against the config where they are not here."""
    from bpnet.cli.summary import show_network
    from bpnet.data.load import dataset_at_hand

    dataset = dataset_at_hand(config, data_dir)
    if dataset is None:
        note(*missing_data(config, data_dir))
        model = model_without_data(config)
        take_weights(model, start.weights, StartNotes())
    else:
        model, _ = prepare(start, config, dataset, StartNotes())
    show_network(model.network, as_json=as_json)


def missing_data(config: Config, data_dir: Path | None) -> list[str]:
    """Return the note that the data were not looked at, and the command that gets them."""
    data = config.data
    if data.dataset == "synthetic":
        which = "the digits to validate and test on" if data.is_endless else "the digits"
        return [f"{which} are not drawn yet: training draws them first"]
    fetch = command_line("data", "fetch", data.dataset, *data_option(data_dir))
    return [f"{data.dataset} is not all here: training gets it first, and so does", f"  {fetch}"]


def model_without_data(config: Config) -> Model:
    """Build the model for the shapes that the data set is known to have."""
    from bpnet.config.network import known_input_shape, known_outputs
    from bpnet.model.build import build_model
    from bpnet.model.inputs import Normalization
    from bpnet.training.finite_differences import demand_few_parameters
    from bpnet.training.step.perceptron import Perceptron

    shape, outputs = known_input_shape(config), known_outputs(config)
    assert shape is not None
    assert outputs is not None
    model = build_model(config, shape, outputs, Normalization())
    if config.train.split == "units":
        Perceptron.of(model)
    demand_few_parameters(model)
    return model
