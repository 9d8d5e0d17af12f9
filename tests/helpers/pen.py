"""Draw on a canvas in the browser by mouse, as a hand does."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bpnet.data.drawing.curve import interpolating, read_path
from bpnet.data.drawing.strokes import STYLES

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

Stroke = NDArray[np.float64]  # points (points, 2), x and y
PER_PIECE = 2  # points of the curve between two points that it passes
WOBBLE, TURN, SLANT = 1.5, 0.12, 0.15  # standard deviations: of 100 units of height; radians


def strokes_of(digit: int, rng: np.random.Generator) -> list[Stroke]:
    """Return the strokes of a digit in a usual style, varied, within 0–1 in the longer side."""
    styles = [style for style in STYLES if style.digit == digit]
    shares = np.array([style.share for style in styles])
    path = read_path(styles[rng.choice(len(styles), p=shares / shares.sum())].path)
    points = path.controls + WOBBLE * rng.normal(size=path.controls.shape)
    angle, slant = TURN * rng.normal(), SLANT * rng.normal()
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = points @ (turn @ [[1, -slant], [0, 1]]).T
    points = (points - points.min(axis=0)) / np.ptp(points, axis=0).max()
    return [
        smooth(points[path.strokes == number], path.is_corner[path.strokes == number])
        for number in range(path.strokes.max() + 1)
    ]


def smooth(points: Stroke, is_corner: NDArray[np.bool_]) -> Stroke:
    """Return a curve through points, with corners where the pen turns sharply."""
    weights = interpolating(np.linspace(0, 1, PER_PIECE, endpoint=False))
    ends = [0, *np.flatnonzero(is_corner), len(points) - 1]
    curves = []
    for start, end in pairwise(ends):
        part = points[start : end + 1]
        around = np.concatenate([part[:1], part, part[-1:]])
        curves += [weights.T @ around[place : place + 4] for place in range(len(part) - 1)]
    return np.concatenate([*curves, points[-1:]])


def draw(browser: Chrome, strokes: list[Stroke], scale: float, left: float, top: float) -> None:
    """Draw strokes on the element `pad`: in fractions of its side, the pen down for each."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.by import By

    pad = browser.find_element(By.ID, "pad")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", pad)
    box = browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", pad)
    actions = ActionBuilder(browser, duration=0)
    pen = actions.pointer_action
    for stroke in strokes:
        places = box["width"] * (scale * stroke + [left, top]) + [box["left"], box["top"]]
        pen.move_to_location(*map(round, places[0]))
        pen.pointer_down()
        for place in places[1:]:
            pen.move_to_location(*map(round, place))
        pen.pointer_up()
    chain = ActionChains(browser)
    chain.w3c_actions = actions
    chain.perform()
