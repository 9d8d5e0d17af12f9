"""Tell ink from paper, whatever their colours and however uneven the light."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.components import connected_components
from bpnet.data.reading.morphology import (
    closing,
    edge_padded,
    fill_basins,
    neighbourhood,
    stroke_width,
)
from bpnet.data.reading.resample import (
    Plane,
    fill_gaps,
    median_surface,
    percentiles,
    resample,
    shrink_to,
)

CELLS = 64  # along the longer side of the coarse picture in which the paper is estimated
FLAT = 4 / 255  # how far drawn paper strays from its one colour
QUIET = 0.07  # of the strokes' strength: more noise than this is blurred away
BLURS = 4  # at most
GRAIN = 40  # times the remaining noise: noise alone reaches 32, digits in it 60 and more
CLEAR = 0.6  # contrast that is ink however rough the paper: noise alone has reached 0.49
MEDIAN_DISTANCE = 0.6745  # of a normal distribution, in standard deviations
FAINTEST = 0.045  # contrast of the palest strokes that are read
AREA_COUNTS = 0.25  # measured: without it wide gaps between strokes win, with 0.5 bright spots do
PALEST = 0.02  # contrast below which no pixel is ink


class Ink(NamedTuple):
    """Hold how much ink lies on each pixel.

    Args:
        strength: contrast with the paper (height, width), positive for ink.
        noise: standard deviation of the paper's own `strength`.
        level: strength of a usual stroke; 0 if there is none.
    """

    strength: Plane
    noise: float
    level: float


def find_ink(grey: Plane, *, inverted: bool = False) -> Ink:
    """Separate ink from paper in a picture (height, width).

    Args:
        grey: the picture.
        inverted: take the less likely side for ink: what is brighter than its surroundings, or what
            is darker.
    """
    coarse = shrink_to(grey, CELLS)
    level = without_light(coarse)
    depth, opposite = basin_depth(level), basin_depth(-level)
    grain = min(roughness(closing(level)), roughness(closing(-level)))  # no lines of squared paper
    if max(depth.max(), opposite.max()) < max(min(GRAIN * grain, CLEAR), FAINTEST):
        return Ink(np.zeros_like(grey), 0.0, 0.0)
    if is_ink(depth, opposite) == inverted:
        grey, coarse, depth = -grey, -coarse, opposite
    ink = measured(paper_under(grey, coarse, depth) - grey)
    for _ in range(BLURS):
        if ink.noise < QUIET * ink.level:
            break
        ink = measured(blurred(ink.strength))
    return ink


def measured(strength: Plane) -> Ink:
    """Measure noise and level of a picture's contrast with its paper (height, width).

    What lies on the other side of the paper's grey than the ink is paper alone.
    """
    paper = strength[strength <= 0]
    beyond = percentiles(-paper, 50)[0] / MEDIAN_DISTANCE if len(paper) else 0.0
    noise = max(beyond, roughness(strength))
    if (strongest := float(strength.max())) > CLEAR:  # in a small picture strokes pass for noise
        noise = min(noise, strongest / 8)
    return Ink(strength, noise, stroke_level(strength, noise))


def roughness(plane: Plane) -> float:
    """Return the standard deviation of a picture's noise from pixel to pixel.

    Taking off the average of the neighbours leaves 0.8 of it, and nothing of smooth paper. In
    a picture of few pixels strokes would pass for noise, so it counts as having none.
    """
    if min(plane.shape) < CELLS // 4:
        return 0.0
    return percentiles(np.abs(plane - blurred(plane)), 50)[0] / MEDIAN_DISTANCE / 0.8


def blurred(plane: Plane) -> Plane:
    """Average each pixel with its neighbours, weighted 1–2–1 down and across."""
    padded = edge_padded(plane)
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    result: Plane = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16
    return result


def most_telling_grey(colours: NDArray[np.float32]) -> Plane:
    """Mix the three colours into the one grey in which the picture has the most contrast.

    The weights are the main axis of the colours' covariance, so yellow ink on white paper shows
    in the blue channel, where it is dark. Slow changes of the light are left out of it.
    """
    detail = [plane - resample(shrink_to(plane, 4), *plane.shape) for plane in channels(colours)]
    flat = np.stack(detail).reshape(3, -1).astype(np.float64)
    covariance = flat @ flat.T / flat.shape[1]
    _, axes = np.linalg.eigh(covariance + 1e-9)  # equal weights if there is no contrast at all
    axis = axes[:, -1] * (np.sign(axes[:, -1].sum()) or 1)
    grey: Plane = colours @ (axis / np.abs(axis).sum()).astype(np.float32)
    return grey


def channels(colours: NDArray[np.float32]) -> list[Plane]:
    """Return the red, green and blue planes (height, width)."""
    return [colours[:, :, channel] for channel in range(3)]


def without_light(coarse: Plane) -> Plane:
    """Remove the smooth part of the light from a photograph.

    In a drawing there is none: three tenths or more of its pixels have nearly the same grey.
    """
    ordered = np.sort(coarse, axis=None)
    part = int(0.3 * len(ordered))
    if float((ordered[part:] - ordered[: len(ordered) - part]).min()) <= 2 * FLAT:
        return coarse
    return coarse - median_surface(coarse)


def basin_depth(level: Plane) -> Plane:
    """Measure how much lower each pixel lies than all that surrounds it.

    Shadows fall from beyond the edge of the picture, so they are no basins. Ridges narrower
    than three pixels are no walls either: they may be the lines of ruled paper.
    """
    flat = -closing(-level)
    depth: Plane = fill_basins(closing(flat)) - flat
    return depth


def is_ink(depth: Plane, opposite: Plane) -> bool:
    """Return whether the basins of a picture, rather than its hills, are its ink.

    Usually one of the two is next to nothing. But within the loop of a 0 the paper looks like a
    hill; then the ink is what looks more like strokes, even if a shadow makes it less deep.
    """
    deepest, highest = float(depth.max()), float(opposite.max())
    if min(deepest, highest) < 0.25 * max(deepest, highest):
        return deepest > highest
    return stroke_likeness(depth > 0.5 * deepest) >= stroke_likeness(opposite > 0.5 * highest)


def stroke_likeness(mask: NDArray[np.bool_]) -> float:
    """Rate shapes by how large and slender they are, and a little by their area.

    The insides of loops are smaller than the strokes that join them, the inside of a frame is
    wider than strokes, and paper rather than ink lies along the picture's edge.
    """
    pieces = connected_components(mask)
    side = np.maximum(pieces.heights, pieces.widths).max()
    along_edge = np.mean([mask[0].mean(), mask[-1].mean(), mask[:, 0].mean(), mask[:, -1].mean()])
    slenderness = float(side) / stroke_width(mask.astype(np.float32))
    return float(side * mask.sum() ** AREA_COUNTS * (1 - along_edge)) * slenderness


def paper_under(grey: Plane, coarse: Plane, depth: Plane) -> Plane:
    """Estimate the grey of the paper under each pixel, ink being lower than paper.

    Drawn paper has one grey. That of photographed paper is read where there is no ink and
    interpolated where there is.
    """
    bare = depth < max(0.25 * float(depth.max()), PALEST)
    bare = neighbourhood(np.minimum, bare.astype(np.float32)) > 0
    if not bare.any():
        return np.full_like(grey, coarse.max())
    usual = percentiles(coarse[bare], 50)[0]
    if np.mean(np.abs(coarse[bare] - usual) <= FLAT) > 0.9:
        return np.full_like(grey, usual)
    return resample(fill_gaps(coarse, bare), *grey.shape)


def stroke_level(strength: Plane, noise: float) -> float:
    """Return the strength of a usual stroke, or 0 if nothing stands out from the noise."""
    candidates = strength[strength > max(4 * noise, PALEST)]
    return percentiles(candidates, 90)[0] if len(candidates) else 0.0
