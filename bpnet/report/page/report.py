"""Put together the page of one run, or of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from bpnet.config.writer import format_changes, format_config
from bpnet.html.page import render
from bpnet.model.score import per_class, wilson_interval
from bpnet.report.canvas import draw_page
from bpnet.report.canvas.numbers import CHARACTERS
from bpnet.report.canvas.page_network import ROOM, Example, obstacle, page_networks
from bpnet.report.page.charts import SERIES, calibration
from bpnet.report.page.confusion import Confusion
from bpnet.report.page.examined import MOST_SHOWN, Examined
from bpnet.report.page.input_gradient import input_gradients
from bpnet.report.page.learning import learning_charts
from bpnet.report.page.maps import feature_maps, first_weights
from bpnet.report.page.samples import largest_errors, shown

HERE = Path(__file__).parent
MOST_CHARACTERS = 2_950_000  # of a page
MOST_EXAMPLES = 10  # pictures, of different classes
MOST_WEIGHTS = 2_200_000  # characters that all weights get, even if a page then shows less
USUAL_BITS = 16  # of a weight
CANVAS_DATA = "<!-- networks -->"  # stands in the page until it is known how much room they have


@dataclass(frozen=True)
class Detail:
    """Hold how much a page shows.

    Args:
        in_cells: samples of all cells of all confusion matrices together.
        listed: samples of a list.
        has_maps: whether it shows what comes out of every layer.
    """

    in_cells: int
    listed: int
    has_maps: bool


DETAILS = (  # the first with which a page fits
    Detail(600, MOST_SHOWN, has_maps=True),
    Detail(200, 12, has_maps=True),
    Detail(100, 6, has_maps=False),
    Detail(0, 2, has_maps=False),
)


def report_page(runs: Sequence[Examined]) -> str:
    """Return the page; the weights of networks get the room that all else leaves.

    Args:
        runs: at least one; each has a part of its own, and all share the charts of their curves.
    """
    able = [run for run in runs if obstacle(run.model) is None]
    charts = learning_charts(runs)
    numbers = sum(run.model.network.parameters.flat.size for run in able)
    wanted = min(MOST_WEIGHTS, int(numbers * USUAL_BITS * CHARACTERS))
    for detail in DETAILS:
        page = page_without_weights(runs, able, charts, detail)
        if len(page) + wanted <= MOST_CHARACTERS:
            break
    if not able:
        return page
    names, examples = [run.name for run in able], [examples_of(run) for run in able]
    room = min(ROOM, MOST_CHARACTERS - len(page))
    networks = page_networks([run.model for run in able], names, examples, room)
    return page.replace(CANVAS_DATA, draw_page.data_script(networks))


def page_without_weights(
    runs: Sequence[Examined], able: Sequence[Examined], charts: Sequence[Markup], detail: Detail
) -> str:
    """Return the page with a mark where the networks will stand.

    Args:
        runs: all of them.
        able: those that can answer on the canvas.
        charts: of their learning curves.
        detail: how much is shown.
    """
    values: dict[str, Any] = {
        "title": ", ".join(run.name for run in runs),
        "runs": [
            part_of(run, f"run-{number}", detail, len(runs)) for number, run in enumerate(runs)
        ],
        "facts": list(dict.fromkeys(fact for run in runs for fact in facts_of(run))),
        "charts": charts,
        "series": SERIES,
        "canvas": draw_page.parts() if able else None,
        "canvas_data": Markup(CANVAS_DATA),
        "without_canvas": [(run.name, obstacle(run.model)) for run in runs if run not in able],
    }
    return render(HERE, "report.html", values, draw_page.parts().scripts if able else ())


def part_of(run: Examined, run_id: str, detail: Detail, count: int) -> dict[str, Any]:
    """Return what the template shows of one run.

    Args:
        run: the network that answered.
        run_id: different from those of all others.
        detail: how much the page shows.
        count: how many runs share it.
    """
    part: dict[str, Any] = {
        "id": run_id,
        "name": run.name,
        "score": run.score,
        "facts": facts_of(run),
        "changes": format_changes(run.model.config),
        "config": format_config(run.model.config),
        "environment": dict(run.environment),
        "epochs": run.history,
        "commands": run.commands,
        "warnings": run.warnings,
        "classes": run.model.class_names,
        "has_classes": run.has_classes,
        "weights": first_weights(run.model) if run.has_pictures else None,
    }
    if not run.has_classes:
        return part | {"largest_errors": largest_errors(run, detail.listed), "maps": []}
    part |= answers_of(run, run_id, detail.in_cells // count, detail.listed)
    has_maps = run.has_pictures and detail.has_maps
    return part | (inside_of(run) if has_maps else {"maps": []})


def facts_of(run: Examined) -> dict[str, str]:
    """Return what a reader wants to know first, by name."""
    network, data = run.model.network, run.model.config.data
    kinds = [layer.kind for layer in network.layers if layer.kind not in ("flatten", "dropout")]
    facts = {
        "network": " → ".join(kinds),
        "parameters": f"{network.parameters.flat.size:,}",
        "trained on": f"{data.dataset} {data.path}".strip(),
        "scored on": f"{run.dataset}, {run.split}: {run.score.samples:,} samples",
    }
    if run.checkpoint.epoch is not None:
        facts["weights"] = f"after epoch {run.checkpoint.epoch}"
    if run.history:
        seconds = sum(epoch["seconds"] for epoch in run.history)
        facts["epochs"] = f"{len(run.history)} ({run.history[-1]['step']:,} steps)"
        facts["time of training"] = f"{seconds:,.1f} s"
    return facts


def answers_of(run: Examined, run_id: str, in_cells: int, listed: int) -> dict[str, Any]:
    """Return how good the answers with classes are, and where they go wrong.

    Args:
        run: the network that answered.
        run_id: begins the ids of the cells of its confusion matrix.
        in_cells: samples of all these cells.
        listed: samples of a list.
    """
    assert run.score.correct is not None
    assert run.score.confusion is not None
    lists = [
        ("The worst mistakes", "The right class got the least probability.", run.worst()),
        (
            "Labels that may be wrong",
            "The network is as sure of another class as it usually is of samples of that class.",
            run.suspects(),
        ),
        ("The least sure answers", "They may be right or wrong.", run.least_sure()),
    ]
    return {
        "interval": wilson_interval(run.score.correct, run.score.samples),
        "per_class": per_class(run.score.confusion, run.model.class_names),
        "confusion": Confusion(run, run_id, in_cells),
        "calibration": calibration(f"{run_id}-calibration", run.answers, run.targets),
        "lists": [(title, what, shown(run, samples[:listed])) for title, what, samples in lists],
    }


def inside_of(run: Examined) -> dict[str, Any]:
    """Return what goes on inside: maps of one picture, and where the answers to some come from."""
    chosen = one_of_each(run)
    gradients = input_gradients(run.model, run.inputs[chosen], run.predicted[chosen])
    gradients = gradients.reshape(len(chosen), *run.inputs.shape[1:])
    return {
        "mapped": shown(run, chosen[:1])[0],
        "maps": feature_maps(run.model, run.inputs[chosen[0]]),
        "sources": shown(run, chosen, gradients),
    }


def one_of_each(run: Examined) -> NDArray[np.intp]:
    """Return the first sample of each class, of at most ten classes."""
    return np.unique(run.targets, return_index=True)[1][:MOST_EXAMPLES]


def examples_of(run: Examined) -> list[Example]:
    """Return pictures for the buttons of the canvas, one of each class."""
    names = run.model.class_names
    return [(names[run.targets[sample]], run.inputs[sample]) for sample in one_of_each(run)]
