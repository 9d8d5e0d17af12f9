"""Lay ink along the track of a pen, many pictures at a time.

Arrays have the pictures last: NumPy's inner loops then run over a whole row of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.data.placement import BOX

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Nib:
    """Describe the edge of the ink, picture by picture.

    Args:
        softness: width (pictures,) of the grey edge in pixels.
        is_blunt: whether strokes end square instead of round (pictures,).
        grain: pixels (20, 20, pictures) by which the paper draws the edge in.
    """

    softness: Floats
    is_blunt: NDArray[np.bool_]
    grain: Floats


def fit_track(track: Floats, radius: Floats) -> tuple[Floats, Floats]:
    """Scale and shift tracks until the ink's longer side fills the box and the other is centred.

    Args:
        track: x and y (2, points, pictures) in any unit.
        radius: the pen's radius (points, pictures) in pixels.

    Returns:
        The track in pixels of the box, and the radius; both are new.
    """
    extent = np.ptp(track, axis=1).max(axis=0)
    room = BOX - 2 * radius.mean(axis=0)
    track = track * (np.maximum(room, 1) / np.maximum(extent, 1e-3))
    # The pen's radius was meant for this size; what remains to the box scales both alike.
    low, high = (track - radius).min(axis=1), (track + radius).max(axis=1)
    scale = BOX / (high - low).max(axis=0)
    shift = BOX / 2 - (low + high) / 2 * scale
    return track * scale + shift[:, None], radius * scale


def ink_box(track: Floats, radius: Floats, nib: Nib) -> Floats:
    """Return how much of each pixel of the box lies under the pen.

    With d the distance from a point of the track, (d² − r²) / 2r is 0 on a round nib's edge, grows
    by 1 per pixel there and is −r/2 in the middle. A blunt nib, nearly a square, covers the points
    with (x⁴ + y⁴ − r⁴) / 4r³ below 0; in its middle that is −r/4. Both are sums of a term in x and
    a term in y, so their minimum over the track needs one addition and one comparison per pixel
    and point. Coverage falls from 1 to 0 where the minimum, stretched inside strokes until their
    middle lies at −r, crosses a band as wide as the edge is soft.

    Args:
        track: x and y (2, points, pictures) in pixels, from the box's upper left corner.
        radius: the pen's radius (points, pictures) in pixels, above 0.
        nib: the pen of each picture.

    Returns:
        Ink (20, 20, pictures), 1 where a picture is darkest.
    """
    pixels = (np.arange(BOX, dtype=np.float32) + 0.5)[:, None, None]
    across, down = (np.square(pixels - axis) / (2 * radius) for axis in track)
    np.copyto(across, np.square(across) / radius, where=nib.is_blunt)
    np.copyto(down, np.square(down) / radius, where=nib.is_blunt)
    stretch = np.where(nib.is_blunt, np.float32(4), np.float32(2))
    down -= radius / stretch
    nearest = np.full((BOX, BOX, track.shape[2]), np.inf, dtype=np.float32)
    candidate = np.empty_like(nearest)
    for point in range(track.shape[1]):
        np.add(down[:, None, point], across[None, :, point], out=candidate)
        np.minimum(nearest, candidate, out=nearest)
    np.multiply(nearest, stretch, out=candidate)
    np.minimum(nearest, candidate, out=nearest)
    nearest += nib.grain
    ink = np.clip(0.5 - nearest / nib.softness, 0, 1, out=nearest)
    ink *= ink * (3 - 2 * ink)
    ink /= ink.max(axis=(0, 1))
    return ink
