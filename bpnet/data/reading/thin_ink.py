"""Find thin strokes: of a hard pencil, in a photograph whose light changes more than its ink."""

import numpy as np

from bpnet.data.reading.morphology import within
from bpnet.data.reading.paper import MEDIAN_DISTANCE, Ink, blurred, stroke_level
from bpnet.data.reading.resample import Plane, percentiles

WIDEST = 1 / 16  # of the picture's longer side: what is wider is a shadow, not a stroke


def find_thin_ink(grey: Plane) -> Ink:
    """Return by how much each pixel of a picture (height, width) is darker than what is around it.

    A closing, the lowest of the highest greys nearby, fills every valley that is narrower than its
    window. What it fills is ink: no shadow and no change of the light is that narrow.
    """
    smooth = blurred(grey)
    reach = max(3, round(max(grey.shape) * WIDEST / 2))
    paper = within(np.minimum, within(np.maximum, smooth, reach), reach)
    return thin_ink(paper - smooth)


def thin_ink(depth: Plane) -> Ink:
    """Measure ink whose usual depth (height, width) is that of paper, which has most pixels."""
    strength = depth - np.float32(percentiles(depth, 50)[0])
    noise = percentiles(np.abs(strength), 50)[0] / MEDIAN_DISTANCE
    return Ink(strength, noise, stroke_level(strength, noise))
