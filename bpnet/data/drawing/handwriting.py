"""Write digits by hand: a style per picture, and all that varies from picture to picture."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.drawing.curve import (
    curve_matrices,
    end_directions,
    end_ramps,
    read_path,
    sway_matrix,
)
from bpnet.data.drawing.pen import Floats, Nib, fit_track, ink_box
from bpnet.data.drawing.strokes import STYLES, Style
from bpnet.data.placement import BOX

POINTS = 112  # on a track: the longest is about 100 pixels long, so they lie under a pixel apart
UNIT = 100.0  # styles are given in hundredths of the digit's height
ALONG = np.linspace(0, 1, POINTS, dtype=np.float32)[:, None]
SWAY_REACH = 0.6  # of the digit's height: controls nearer than that stray together
END_REACH = 0.25  # of the digit's height: where a stroke feels the pen touch down and lift off
LONGEST_SKIP = 0.12  # of the track
SPECK_DISTANCE = 0.25  # of the digit's height
WAVES = 3  # a warp of the page is a sum of cosines with up to two half waves per axis
HALF_WAVES = np.add.outer(np.arange(WAVES), np.arange(WAVES)).reshape(-1, 1)
FALLING = (1 / np.maximum(HALF_WAVES, 1)).astype(np.float32)  # paper bends more than it ripples


@dataclass(frozen=True)
class Variation:
    """Hold how much writers differ; standard deviations unless stated otherwise.

    Lengths are in units of the digit's height.

    Args:
        wobble: of each control point on its own.
        sway: of control points along the stroke, near ones alike.
        care: of the logarithm of wobble and sway, from one picture to the next.
        warp: of the plane, per cosine of one half wave; n half waves have 1/n of it.
        part: of a whole stroke.
        ends: by which strokes run on or stop short, as a fraction of their last interval.
        hooks: by which the pen drifts as it touches down, and as it lifts off.
        touch: of the logarithm of the radius at these ends.
        swing: how far, at most, corners become curves, 0–1.
        haste: how far, at most, bends are cut short, 0–1.
        slant: mean and deviation of dx/dy, positive to the right.
        turn: rotation in radians.
        aspect: mean and deviation of the logarithm of width over height.
        radius: mean and deviation of the logarithm of the pen's radius in pixels.
        pressure: of the logarithm of the radius along the stroke.
        tremor: of the logarithm of the radius at single points.
        softness: least and greatest width of the grey edge in pixels.
        blunt: probability of a pen whose strokes end square.
        grain: pixels by which paper roughens the edge, from one picture to the next.
        skips: probability that the pen skips a stretch.
        specks: probability of a speck of dirt.
    """

    wobble: float = 0.008
    sway: float = 0.036
    care: float = 0.5
    warp: float = 0.048
    part: float = 0.02
    ends: float = 0.2
    hooks: float = 0.04
    touch: float = 0.16
    swing: float = 0.56
    haste: float = 0.48
    slant: tuple[float, float] = (0.12, 0.16)
    turn: float = 0.064
    aspect: tuple[float, float] = (0.08, 0.16)
    radius: tuple[float, float] = (0.1, 0.24)
    pressure: float = 0.09
    tremor: float = 0.04
    softness: tuple[float, float] = (1.7, 2.3)
    blunt: float = 0.33
    grain: float = 0.08
    skips: float = 0.05
    specks: float = 0.025

    def scaled(self, variety: float) -> "Variation":
        """Return a variation whose writers differ `variety` times as much; 0 writes like a stamp.

        Deviations, probabilities and maxima are multiplied; means, care and the softness of the
        edge, which makes ink look like ink, stay.
        """
        kept = ("care", "softness")
        values: dict[str, Any] = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in kept
        }
        for name, value in values.items():
            is_pair = isinstance(value, tuple)
            values[name] = (value[0], value[1] * variety) if is_pair else value * variety
        return replace(self, **values)


class Handwriting:
    """Write digits in the given styles.

    Args:
        styles: ways to write each digit.
        variation: how much each picture differs from its style.
    """

    def __init__(
        self, styles: Sequence[Style] = STYLES, variation: Variation | None = None
    ) -> None:
        self.variation = variation or Variation()
        paths = [read_path(style.path) for style in styles]
        most = max(len(path.controls) for path in paths)
        self._digits = np.array([style.digit for style in styles])
        self._shares = np.array([style.share for style in styles])
        self._controls = np.zeros((len(styles), most, 2), dtype=np.float32)
        self._strokes = np.zeros((len(styles), most), dtype=np.int64)
        self._ends = np.zeros((len(styles), most, most), dtype=np.float32)
        self._sways = np.zeros((len(styles), most, most), dtype=np.float32)
        self._ramps = np.stack([end_ramps(path, POINTS, END_REACH * UNIT) for path in paths])
        self._curves = np.zeros((len(styles), 3, POINTS, most), dtype=np.float32)
        for number, path in enumerate(paths):
            count = len(path.controls)
            centre = (path.controls.min(axis=0) + path.controls.max(axis=0)) / 2
            self._controls[number, :count] = (path.controls - centre) / UNIT
            self._strokes[number, :count] = path.strokes
            self._ends[number, :count, :count] = end_directions(path)
            self._sways[number, :count, :count] = sway_matrix(path, SWAY_REACH * UNIT)
            self._curves[number, :, :, :count] = curve_matrices(path, POINTS)

    def choose_styles(
        self, labels: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw a style number for each digit (pictures,), by the styles' shares."""
        weights = self._shares * (self._digits == np.arange(10)[:, None])
        bounds = np.cumsum(weights, axis=1)
        bounds /= bounds[:, -1:]
        styles: NDArray[np.int64] = (rng.random((len(labels), 1)) >= bounds[labels]).sum(axis=1)
        return styles

    def write(self, styles: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """Write one digit per style number (pictures,).

        Returns:
            Ink (20, 20, pictures) of 0–1, each picture's longer side filling the box.
        """
        track = self._bend(self._draw_track(styles, rng), rng)
        radius = self._draw_radius(styles, rng)
        self._skip(track, rng)
        self._add_specks(track, radius, rng)
        return ink_box(*fit_track(track, radius), self._draw_nib(len(styles), rng))

    def _draw_track(self, styles: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """Return points (pictures, points, 2) on the strokes, their control points varied."""
        variation = self.variation
        controls = self._controls[styles]
        count, most = controls.shape[:2]
        care = np.exp(variation.care * normal(rng, count, 1, 1))
        lengthening = variation.ends * normal(rng, count, most, 1)
        offsets = variation.part * normal(rng, count, most, 2)
        controls = (
            controls
            + lengthening * (self._ends[styles] @ controls)
            + np.take_along_axis(offsets, self._strokes[styles][:, :, None], axis=1)
            + care * variation.wobble * normal(rng, count, most, 2)
            + care * variation.sway * (self._sways[styles] @ normal(rng, count, most, 2))
        )
        swing = variation.swing * rng.random((count, 1, 1), dtype=np.float32)
        haste = variation.haste * rng.random((count, 1, 1), dtype=np.float32)
        sharp, swung, hasty = (self._curves[styles] @ controls[:, None]).swapaxes(0, 1)
        track: Floats = (1 - haste) * ((1 - swing) * sharp + swing * swung) + haste * hasty
        hooks = variation.hooks * normal(rng, count, 2, 2)
        track += self._ramps[styles].swapaxes(1, 2) @ hooks
        return track

    def _bend(self, track: Floats, rng: np.random.Generator) -> Floats:
        """Warp, stretch, slant and turn; returns x and y (2, points, pictures)."""
        variation = self.variation
        count = len(track)
        cosines = np.cos(np.pi * np.arange(WAVES, dtype=np.float32) * (track[..., None] + 0.5))
        waves = cosines[:, :, 0, :, None] * cosines[:, :, 1, None, :]
        strengths = variation.warp * FALLING * normal(rng, count, WAVES * WAVES, 2)
        track = track + waves.reshape(count, -1, WAVES * WAVES) @ strengths
        mean, deviation = variation.aspect
        stretch = np.exp((mean + deviation * normal(rng, count)) / 2)
        mean, deviation = variation.slant
        slant = mean + deviation * normal(rng, count)
        angle = variation.turn * normal(rng, count)
        x, y = track.transpose(2, 1, 0)
        x, y = x * stretch - y * slant, y / stretch
        cosine, sine = np.cos(angle), np.sin(angle)
        return np.stack([x * cosine - y * sine, x * sine + y * cosine])

    def _draw_radius(self, styles: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """Return the pen's radius (points, pictures) in pixels as its pressure varies."""
        variation = self.variation
        count = len(styles)
        mean, deviation = variation.radius
        logarithm = mean + deviation * normal(rng, count)
        pressure = sum(
            np.cos(np.pi * frequency * ALONG + 2 * np.pi * rng.random(count, dtype=np.float32))
            * (variation.pressure * normal(rng, count))
            for frequency in (1, 3, 7)
        )
        touch = variation.touch * normal(rng, count, 2, 1)
        at_ends = (self._ramps[styles] * touch).sum(axis=1).T
        tremor = variation.tremor * normal(rng, POINTS, count)
        radius: Floats = np.exp(logarithm + pressure + at_ends + tremor)
        return radius

    def _draw_nib(self, count: int, rng: np.random.Generator) -> Nib:
        """Return the pens, their edges rougher in one picture than in the next."""
        variation = self.variation
        softness = rng.uniform(*variation.softness, count).astype(np.float32)
        is_blunt = rng.random(count, dtype=np.float32) < variation.blunt
        grain = (variation.grain * normal(rng, count)) * normal(rng, BOX, BOX, count)
        return Nib(softness, is_blunt, grain)

    def _skip(self, track: Floats, rng: np.random.Generator) -> None:
        """Let the pen skip a stretch in some pictures: there it already rests at its end."""
        start, length, chance = rng.random((3, track.shape[2]), dtype=np.float32)
        start *= 1 - LONGEST_SKIP  # so the end itself is never skipped
        end = start + LONGEST_SKIP * length
        skipped = (start < ALONG) & (end > ALONG) & (chance < self.variation.skips)
        np.copyto(track, track[:, -1:], where=skipped)

    def _add_specks(self, track: Floats, radius: Floats, rng: np.random.Generator) -> None:
        """Turn the end of the track into a speck of dirt beside the digit in some pictures."""
        count = track.shape[2]
        beside = rng.integers(POINTS, size=count)
        angle, size, chance = rng.random((3, count), dtype=np.float32)
        angle *= 2 * np.pi
        away = SPECK_DISTANCE * np.stack([np.cos(angle), np.sin(angle)])
        has_speck = chance < self.variation.specks
        np.copyto(track[:, -1], track[:, beside, np.arange(count)] + away, where=has_speck)
        np.copyto(radius[-1], 0.3 + 0.3 * size, where=has_speck)


def normal(rng: np.random.Generator, *shape: int) -> Floats:
    """Draw from the standard normal distribution."""
    return rng.standard_normal(shape, dtype=np.float32)
