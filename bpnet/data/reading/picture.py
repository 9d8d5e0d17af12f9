"""Open any picture file that Pillow can decode, as an array of colours of a handy size."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bpnet.disk import NUL, reason
from bpnet.errors import DataError

LONGEST_SIDE = 320  # pixels; more take longer and read no better
MAX_PIXELS = 100_000_000  # what a file may claim to hold before it is refused

Colours = NDArray[np.float32]  # (height, width, 3), 0–1


def open_picture(source: Path | BinaryIO) -> Colours:
    """Decode a picture file into colours (height, width, 3) of 0–1, upright and on paper.

    The first frame counts, the orientation noted by the camera is applied, transparent parts
    become paper, and large pictures are reduced to at most 320 pixels on the longer side.

    Args:
        source: a path, or a stream of the file's bytes, which is read to its end.

    Raises:
        DataError: there is no such file, or it is not a whole picture of at most 100 megapixels.
    """
    name = str(source) if isinstance(source, Path) else "standard input"
    content = _read_bytes(source, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd metadata, which we do not use
        return _decode(content, name)


def _read_bytes(source: Path | BinaryIO, name: str) -> bytes:
    try:
        content = source.read_bytes() if isinstance(source, Path) else source.read()
    except (OSError, ValueError) as error:
        found = reason(error) if isinstance(error, OSError) else NUL
        raise DataError("a picture cannot be opened", where=name, found=found) from error
    if not content:
        raise DataError("a picture file is empty", where=name, found="0 bytes")
    return content


def _decode(content: bytes, name: str) -> Colours:
    hint = "convert it to PNG or JPEG"
    try:
        image: Image.Image = Image.open(BytesIO(content))
    except Image.DecompressionBombError as error:
        raise _too_large(name, str(error)) from error
    except Exception as error:  # on damaged bytes Pillow's decoders raise errors of many kinds
        found = f"{len(content)} bytes that Pillow cannot identify"
        raise DataError("this is not a picture", where=name, found=found, hint=hint) from error
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, f"{image.width}×{image.height} pixels")
    if image.format == "EPS":  # decoding one would run a program that the file contains
        raise DataError("PostScript pictures are not read", where=name, hint=hint)
    try:
        return _colours(image)
    except Exception as error:
        raise DataError("a picture is damaged", where=name, found=str(error)) from error


def _too_large(name: str, found: str) -> DataError:
    return DataError(
        "a picture is too large",
        where=name,
        expected=f"at most {MAX_PIXELS // 1_000_000} megapixels",
        found=found,
        hint="make it smaller, or cut out the digit",
    )


def _colours(image: Image.Image) -> Colours:
    image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # JPEG decodes at 1/8 of its size much faster
    image.load()
    if image.mode.startswith(("I", "F")):
        image = _to_eight_bits(image)
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "RGBA":
        image = image.convert("RGBa")  # colour × alpha, which may be averaged
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    image = ImageOps.exif_transpose(image)
    pixels = np.multiply(np.asarray(image), 1 / 255, dtype=np.float32)
    return pixels if pixels.shape[2] == 3 else lay_on_paper(pixels[:, :, :3], pixels[:, :, 3])


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Bring numbers of 0–1, 0–255, 0–65535 or an unknown range to 0–255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    highest = float(values.max())
    white = next((white for white in (1, 255, 65535) if highest <= white), highest)
    return Image.fromarray(np.uint8(np.clip(values * (255 / white), 0, 255)), "L")


def lay_on_paper(premultiplied: Colours, alpha: NDArray[np.float32]) -> Colours:
    """Put paper under the transparent parts of a picture.

    Where the visible part is all of one colour, it is the strokes, and the paper is white or
    black, whichever is further from them. Otherwise the visible part has paper of its own, and
    its usual colour goes on beyond it.

    Args:
        premultiplied: colours times alpha (height, width, 3).
        alpha: opacity of each pixel (height, width), 0–1.
    """
    visible = alpha > 0.5
    if not visible.any():
        visible = alpha >= max(float(alpha.max()), 1e-3)
    if not visible.any():
        return np.ones_like(premultiplied)
    colours = premultiplied[visible] / alpha[visible][:, None]
    usual = np.median(colours, axis=0)
    differing = np.abs(colours - usual).max(axis=1) > 0.3
    if differing.mean() < 0.01:
        usual = np.full(3, float(usual.mean() < 0.5))
    paper: Colours = (1 - alpha)[:, :, None] * usual.astype(np.float32)
    return premultiplied + paper
