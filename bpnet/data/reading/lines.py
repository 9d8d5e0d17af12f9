"""Remove lines that belong to the page: a frame around it, and those of ruled and squared paper."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.components import connected_components
from bpnet.data.reading.morphology import within
from bpnet.data.reading.resample import Plane, percentiles

SMALLEST_PAGE = 40  # pixels of the longer side: in less, strokes are as thin and as long as lines
THICKNESS = 1 / 50  # of the longer side: the thickest that a ruled line may be
STEEPEST = 0.12  # rise per pixel of a line on a page held askew (7°)
COVERED = 0.35  # of the width: less than all, for lines break up and spread over several rows
MARGIN = 0.15  # of the width: a ruled line is seen this near to both ends
DARKEST = 1.8  # times a line's usual strength
NEAR = 2  # pixels from a line
REMNANT = 0.7  # of a piece's pixels, that lie beside a line
WHOLE = 0.6  # of the width: a single line; shorter, it is the bars of digits, side by side
ALONE = 0.5  # of the width: a single line is the page's if the rest is narrower
EDGE, LONGER = 0.03, 1.3  # of the width; times as long as the rest: if it lies on one side

OUTER = 0.25  # the fraction of each side in which a frame is looked for
FRAMED = 0.85  # of a row or column that belongs to a frame
STANDS_OUT = 0.3  # of the picture's contrast, from its middle value

Mask = NDArray[np.bool_]  # (height, width)
Number = TypeVar("Number", bound=np.generic)


def without_ruled_lines(ink: Mask, pale: Mask, strength: Plane) -> Mask:
    """Remove thin straight lines that run across the whole picture, and what is left of them.

    Where strokes cross a line, or run along it, they stay. A small picture shows a digit and not a
    page: what is straight in it is a stroke.

    Args:
        ink: what was written, perhaps (height, width).
        pale: the same with the palest ink, in which pale lines have no gaps.
        strength: of the ink; what is darker than the lines is a stroke that runs along one.
    """
    if max(ink.shape) < SMALLEST_PAGE:
        return ink
    lines = page_lines(ink, strength) | page_lines(pale, strength)
    left = without_remnants(ink & ~lines, lines) if lines.any() else ink
    return left if left.any() else ink


def thickest_line(picture: NDArray[np.generic]) -> int:
    """Return how many pixels thick a ruled line of a picture (height, width) may be."""
    longest: int = max(picture.shape)
    return max(2, round(longest * THICKNESS))


def page_lines(ink: Mask, strength: Plane) -> Mask:
    """Mark the pixels of ruled lines of both directions."""
    lying = horizontal_lines(ink, strength)
    return lying | horizontal_lines((ink & ~lying).T, strength.T).T


def without_remnants(ink: Mask, lines: Mask) -> Mask:
    """Remove pieces of ink (height, width) that are parts of lines.

    Most of them lies along the lines that were found, or they are as thin, and cut by the edge.
    """
    pieces = connected_components(ink)
    along = pieces.sums(within(np.maximum, lines, NEAR).astype(np.float32))
    longest = np.maximum(pieces.heights, pieces.widths)
    are_thin = pieces.areas < (thickest_line(ink) + 1) * longest
    are_cut = are_thin & (pieces.edge_contact() > 0)
    return ink & ~pieces.mask(are_cut | (along > REMNANT * pieces.areas))


def horizontal_lines(ink: Mask, strength: Plane) -> Mask:
    """Mark the pixels of ruled lines that run roughly from left to right.

    What is much darker than the rest of its line is a stroke that runs along it, or crosses it.
    """
    width = ink.shape[1]
    rows, columns = np.nonzero(thin_from_above(ink, thickest_line(ink)))
    none = np.zeros_like(ink)
    if len(rows) < COVERED * width:
        return none
    tilted = level_rows(rows, columns, ink.shape)
    counts = np.bincount(tilted)
    at_left = np.bincount(tilted[columns < MARGIN * width], minlength=len(counts))
    at_right = np.bincount(tilted[columns >= (1 - MARGIN) * width], minlength=len(counts))
    ends = np.minimum(spread(at_left), spread(at_right)) > 0.3 * MARGIN * width
    on_line = spread(spread((counts > COVERED * width) & ends))
    lines = lines_in(on_line)
    if lines == 0:
        return none
    marked = none
    values = strength[rows, columns]
    usual = np.where(counts > COVERED * width, middles(values, tilted, counts), np.float32(0))
    chosen = on_line[tilted] & (values < DARKEST * spread(spread(usual))[tilted])
    marked[rows[chosen], columns[chosen]] = True
    if lines == 1 and not is_page_line(marked, ink & ~marked):
        return np.zeros_like(ink)
    return marked


def is_page_line(line: Mask, rest: Mask) -> bool:
    """Return whether a single line is the page's and no stroke of what is written.

    It is whole, and the rest is much shorter; or it runs from edge to edge, longer than the rest,
    which lies wholly on one side of it.
    """
    width = line.shape[1]
    columns = np.flatnonzero(line.any(axis=0))
    pieces = connected_components(rest)
    if len(columns) < WHOLE * width or not len(pieces):
        return False
    largest = int(pieces.areas.argmax())
    if pieces.widths[largest] <= ALONE * width:
        return True
    from_edge_to_edge = columns[0] <= EDGE * width and columns[-1] >= (1 - EDGE) * width - 1
    rows = np.flatnonzero(line.any(axis=1))
    top, bottom = pieces.top[largest], pieces.bottom[largest]
    is_beside = top > rows[-1] + NEAR or bottom < rows[0] - NEAR
    longer = np.ptp(columns) > LONGER * pieces.widths[largest]
    return bool(from_edge_to_edge and is_beside and longer)


def middles(
    values: NDArray[np.float32], row: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the median of the values in each row, of which there are so many; 0 if none."""
    ordered = values[np.lexsort((values, row))]
    starts = np.cumsum(counts) - counts
    middle = np.minimum(starts + counts // 2, len(values) - 1)
    return np.where(counts > 0, ordered[middle], np.float32(0))


def thin_from_above(ink: Mask, thickest: int) -> Mask:
    """Mark the ink that belongs to vertical runs of at most `thickest` pixels."""
    height = len(ink)
    padded = np.pad(ink, ((thickest, thickest), (0, 0)))
    run = np.ones((height + thickest, ink.shape[1]), dtype=bool)  # `thickest` + 1 pixels of ink
    for down in range(thickest + 1):
        run &= padded[down : down + height + thickest]
    thick = np.zeros_like(ink)
    for up in range(thickest + 1):
        thick |= run[up : up + height]
    return ink & ~thick


def level_rows(
    rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Return the rows of pixels after the tilt under which they fall into the fewest rows."""
    width = shape[1]
    across = columns - width // 2
    lift = int(width * STEEPEST) + 1
    tilts = np.arange(-STEEPEST, STEEPEST + 1e-9, 1.5 / width)

    def rows_at(tilt: float) -> NDArray[np.int64]:
        turned: NDArray[np.int64] = rows - np.rint(tilt * across).astype(np.int64) + lift
        return turned

    sharpness = [float((np.bincount(rows_at(tilt)).astype(float) ** 2).sum()) for tilt in tilts]
    return rows_at(float(tilts[int(np.argmax(sharpness))]))


def spread(counts: NDArray[Number]) -> NDArray[Number]:
    """Give each row the highest value among itself and its two neighbours."""
    padded = np.pad(counts, 1)
    highest: NDArray[Number] = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return highest


def inside_frame(grey: Plane) -> tuple[slice, slice]:
    """Return the rows and columns that lie inside a frame, or all of them.

    A frame is darker or brighter than the picture's middle value along all four sides. Inside
    it there is paper with something on it: otherwise it may be a 0 drawn with a ruler.
    """
    everything = (slice(0, grey.shape[0]), slice(0, grey.shape[1]))
    lowest, middle, highest = percentiles(grey, 1, 50, 99)
    contrast = highest - lowest
    for marked in (grey < middle - STANDS_OUT * contrast, grey > middle + STANDS_OUT * contrast):
        across, down = marked.mean(axis=1) > FRAMED, marked.mean(axis=0) > FRAMED
        top, bottom = frame_ends(across)
        left, right = frame_ends(down)
        if lines_in(across) > 2 or lines_in(down) > 2:
            continue  # squared paper
        if min(top, left, grey.shape[0] - bottom, grey.shape[1] - right) == 0:
            continue
        rest = marked[top:bottom, left:right]
        rim = np.concatenate([rest[0], rest[-1], rest[:, 0], rest[:, -1]])
        if rim.mean() < 0.3 and np.ptp(grey[top:bottom, left:right]) > 0.5 * contrast:
            return slice(top, bottom), slice(left, right)
    return everything


def lines_in(covered: NDArray[np.generic]) -> int:
    """Return how many stretches of lines there are."""
    return int(np.count_nonzero(np.diff(covered.astype(np.int8), prepend=0) == 1))


def frame_ends(covered: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first line after a frame's near side and the first line of its far side."""
    reach = int(OUTER * len(covered))
    near = np.flatnonzero(covered[:reach])
    far = np.flatnonzero(covered[len(covered) - reach :])
    begin = int(near[-1]) + 1 if len(near) else 0
    end = len(covered) - reach + int(far[0]) if len(far) else len(covered)
    return begin, end
