"""Put together the page of one run, or of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet import __version__
from bpnet.config.writer import format_changes, format_config
from bpnet.html.page import render
from bpnet.model.score import per_class, wilson_interval
from bpnet.report.canvas import draw_page
from bpnet.report.canvas.page_network import Example, obstacle, page_networks
from bpnet.report.page.charts import calibration
from bpnet.report.page.examined import MOST_SHOWN, Examined
from bpnet.report.page.input_gradient import input_gradients
from bpnet.report.page.learning import learning_charts
from bpnet.report.page.maps import feature_maps, first_weights
from bpnet.report.page.samples import confusion_cells, largest_errors, shown

HERE = Path(__file__).parent
MOST_EXAMPLES = 10  # pictures, of different classes


def report_page(runs: Sequence[Examined]) -> str:
    """Return the page.

    Args:
        runs: at least one; each has a part of its own, and all share the charts of their curves.
    """
    values = {
        "version": __version__,
        "title": ", ".join(run.name for run in runs),
        "runs": [part_of(run, f"run-{number}") for number, run in enumerate(runs)],
        "facts": list(dict.fromkeys(fact for run in runs for fact in facts_of(run))),
        "charts": learning_charts(runs),
        "canvas": canvas_of(runs),
    }
    return render(HERE, "report.html", values)


def part_of(run: Examined, run_id: str) -> dict[str, Any]:
    """Return what the template shows of one run."""
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
        "classes": run.model.class_names,
        "has_classes": run.has_classes,
        "weights": first_weights(run.model) if run.has_pictures else None,
    }
    if not run.has_classes:
        return part | {"largest_errors": largest_errors(run, MOST_SHOWN), "maps": []}
    part |= answers_of(run, run_id)
    return part | (inside_of(run) if run.has_pictures else {"maps": []})


def facts_of(run: Examined) -> dict[str, str]:
    """Return what a reader wants to know first, by name."""
    network, progress = run.model.network, run.checkpoint.record.get("progress")
    kinds = [layer.kind for layer in network.layers if layer.kind not in ("flatten", "dropout")]
    facts = {
        "network": " → ".join(kinds),
        "parameters": f"{network.parameters.flat.size:,}",
        "trained on": run.model.config.data.dataset,
        "scored on": f"{run.dataset}, {run.split}: {run.score.samples:,} samples",
    }
    if progress is not None:
        seconds = sum(epoch["seconds"] for epoch in run.history)
        facts["epochs"] = f"{progress['epoch']} ({progress['step']:,} steps)"
        facts["time of training"] = f"{seconds:,.1f} s"
    return facts


def answers_of(run: Examined, run_id: str) -> dict[str, Any]:
    """Return how good the answers with classes are, and where they go wrong."""
    assert run.score.correct is not None
    assert run.score.confusion is not None
    return {
        "interval": wilson_interval(run.score.correct, run.score.samples),
        "per_class": per_class(run.score.confusion, run.model.class_names),
        "confusion": confusion_cells(run, run_id),
        "calibration": calibration(f"{run_id}-calibration", run.answers, run.targets),
        "lists": [
            ("The worst mistakes", "the right class got the least probability", run.worst()),
            (
                "Labels that may be wrong",
                "the network is as sure of another class as it usually is of that class's own",
                run.suspects(),
            ),
            ("The least sure answers", "right or wrong", run.least_sure()),
        ],
        "shown": lambda samples: shown(run, samples),
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
    """Return the first sample of each class."""
    return np.unique(run.targets, return_index=True)[1][:MOST_EXAMPLES]


def canvas_of(runs: Sequence[Examined]) -> dict[str, Any]:
    """Return the canvas, with all networks that can answer on it; or why none can."""
    able = [run for run in runs if obstacle(run.model) is None]
    if not able:
        return {"obstacle": obstacle(runs[0].model)}
    networks = page_networks(
        [run.model for run in able], [run.name for run in able], [examples_of(run) for run in able]
    )
    left_out = [run.name for run in runs if run not in able[: len(networks["networks"])]]
    here = draw_page.HERE
    return {
        "obstacle": None,
        "left_out": left_out,
        "style": (here / "canvas.css").read_text(encoding="utf-8"),
        "body": (here / "canvas.html").read_text(encoding="utf-8"),
        "data": draw_page.data_script(networks),
        "scripts": draw_page.scripts(),
    }


def examples_of(run: Examined) -> list[Example]:
    """Return pictures for the buttons, one of each class."""
    if not (run.has_pictures and run.has_classes):
        return []
    names = run.model.class_names
    return [(names[run.targets[sample]], run.inputs[sample]) for sample in one_of_each(run)]
