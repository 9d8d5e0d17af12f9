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
    parts = [part_of(run, f"run-{number}") for number, run in enumerate(runs)]
    for detail in DETAILS:
        detailed = [
            part | samples_of(run, part["id"], detail, len(runs))
            for run, part in zip(runs, parts, strict=True)
        ]
        page = page_without_weights(runs, able, charts, detailed)
        if len(page) + wanted <= MOST_CHARACTERS:
            break
    if not able:
        return page
    names, examples = [run.name for run in able], [examples_of(run) for run in able]
    room = min(ROOM, MOST_CHARACTERS - len(page))
    networks = page_networks([run.model for run in able], names, examples, room)
    return page.replace(CANVAS_DATA, draw_page.data_script(networks))


def page_without_weights(
    runs: Sequence[Examined],
    able: Sequence[Examined],
    charts: Sequence[Markup],
    parts: Sequence[dict[str, Any]],
) -> str:
    """Return the page with a mark where the networks will stand.

    Args:
        runs: all of them.
        able: those that can answer on the canvas.
        charts: of their learning curves.
        parts: what is shown of each run.
    """
    values: dict[str, Any] = {
        "title": ", ".join(run.name for run in runs),
        "runs": parts,
        "facts": list(dict.fromkeys(fact for run in runs for fact in facts_of(run))),
        "charts": charts,
        "series": SERIES,
        "canvas": draw_page.parts() if able else None,
        "canvas_data": Markup(CANVAS_DATA),
        "without_canvas": [(run.name, obstacle(run.model)) for run in runs if run not in able],
    }
    return render(HERE, "report.html", values, draw_page.parts().scripts if able else ())


def part_of(run: Examined, run_id: str) -> dict[str, Any]:
    """Return what the template shows of one run, but for samples with their answers.

    Args:
        run: the network that answered.
        run_id: different from those of all others.
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
        return part | {"maps": []}
    part |= answers_of(run, run_id)
    return part | (inside_of(run) if run.has_pictures else {"maps": []})


def samples_of(run: Examined, run_id: str, detail: Detail, count: int) -> dict[str, Any]:
    """Return what the template shows of one run that depends on how much the page shows.

    Args:
        run: the network that answered.
        run_id: begins the ids of the cells of its confusion matrix.
        detail: how much the page shows.
        count: how many runs share it.
    """
    if not run.has_classes:
        return {"largest_errors": largest_errors(run, detail.listed)}
    lists = [
        ("The worst mistakes", "The right class got the least probability.", run.worst()),
        (
            "Labels that may be wrong",
            "The network is as sure of another class as it usually is of samples of that class.",
            run.suspects(),
        ),
        ("The least sure answers", "They may be right or wrong.", run.least_sure()),
    ]
    found = {
        "confusion": Confusion(run, run_id, detail.in_cells // count),
        "lists": [
            (title, what, shown(run, samples[: detail.listed])) for title, what, samples in lists
        ],
    }
    return found if detail.has_maps else found | {"maps": []}


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


def answers_of(run: Examined, run_id: str) -> dict[str, Any]:
    """Return how good the answers with classes are."""
    assert run.score.correct is not None
    assert run.score.confusion is not None
    return {
        "interval": wilson_interval(run.score.correct, run.score.samples),
        "per_class": per_class(run.score.confusion, run.model.class_names),
        "calibration": calibration(f"{run_id}-calibration", run.answers, run.targets),
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
