"""Open a picture file of any usual kind as an array of colours of a handy size."""

import math
import warnings
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bpnet.data.reading.cost import FORMATS, MOST_BYTES, tags_fit, what_is_too_much
from bpnet.disk import DIRECTORY, FILE, NOTHING, reason, what_is_at
from bpnet.errors import DataError

LONGEST_SIDE = 320  # pixels; for one digit, more take longer and read no better
LONGEST_OF_ROWS = 640  # likewise, for several
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"  # how such files begin
STRIP = 1 << 20  # pixels converted at a time
WHITES = tuple(2.0**bits - 1 for bits in (1, 8, 10, 12, 14, 16))  # as cameras and scanners use
GAP = 2.0  # a picture is first halved, thirded … to at least so many times its size

Colours = NDArray[np.float32]  # (height, width, 3), 0–1


def open_picture(source: Path | BinaryIO, longest: int = LONGEST_SIDE) -> Colours:
    """Decode a picture file into colours (height, width, 3) of 0–1, upright and on paper.

    The first frame counts, the orientation noted by the camera is applied, transparent parts
    become paper, and large pictures are reduced.

    Args:
        source: a path, or a stream of the file's bytes, which is read to its end; messages name
            its `origin`, or standard input.
        longest: pixels that are kept on the longer side, at most.

    Raises:
        DataError: there is no such file, or it is not a whole picture, or one that takes too much
            memory or time to decode.
    """
    is_path = isinstance(source, Path)
    name = str(source) if is_path else getattr(source, "origin", "standard input")
    content = _read_bytes(source, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd metadata, which we do not use
        return _decode(content, name, longest)


def _read_bytes(source: Path | BinaryIO, name: str) -> bytes:
    """Return the content of a file or stream, of which no more is read than is allowed."""
    try:
        if not isinstance(source, Path):
            content = source.read(MOST_BYTES + 1)
        else:
            found = what_is_at(source)
            if found not in (FILE, DIRECTORY, NOTHING):  # a pipe or a device may never end
                raise DataError(
                    "a picture cannot be opened",
                    where=name,
                    expected="a file",
                    found=found,
                    hint="copy its content into a file, or pass it on to `predict -`",
                )
            with source.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError("a picture cannot be opened", where=name, found=reason(error)) from error
    if not content:
        raise DataError("a picture file is empty", where=name, found="0 bytes")
    if len(content) > MOST_BYTES:
        raise _too_large(name, f"more than {MOST_BYTES >> 20} MB")
    return content


def _decode(content: bytes, name: str, longest: int) -> Colours:
    hint = "convert it to PNG or JPEG"
    if content.startswith(b"%!PS"):  # decoding one would run a program that the file contains
        raise DataError("PostScript pictures are not read", where=name, hint=hint)
    if not tags_fit(content):
        raise _too_large(name, "tags that take more memory than that")
    try:
        image = _opened(content)
    except Image.DecompressionBombError as error:
        raise _too_large(name, str(error)) from error
    except Exception as error:  # on damaged bytes Pillow's decoders raise errors of many kinds
        found = f"{len(content)} bytes that are no picture of a known kind"
        raise DataError("this is not a picture", where=name, found=found, hint=hint) from error
    try:
        size = image.size
        image.draft("RGB", (longest, longest))  # JPEG: at 1/8 of its size, much faster
        too_much = what_is_too_much(image, size, content)
        pixels = None if too_much else _pixels(image, longest)
    except Exception as error:
        found = str(error) or type(error).__name__
        raise DataError("a picture is damaged", where=name, found=found) from error
    if pixels is None:
        raise _too_large(name, too_much)
    return pixels if pixels.shape[2] == 3 else lay_on_paper(pixels[:, :, :3], pixels[:, :, 3])


def _opened(content: bytes) -> Image.Image:
    """Open a picture without decoding it; for the usual kinds, Pillow need not load all others.

    Raises:
        DecompressionBombError: it declares more pixels than Pillow allows.
    """
    image: Image.Image
    if content.startswith(PNG):
        from PIL.PngImagePlugin import PngImageFile

        image = PngImageFile(BytesIO(content))
    elif content.startswith(JPEG):
        from PIL.JpegImagePlugin import jpeg_factory

        image = jpeg_factory(BytesIO(content))
    else:
        return Image.open(BytesIO(content), formats=FORMATS)
    if image.width * image.height > 2 * (Image.MAX_IMAGE_PIXELS or math.inf):
        raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels")
    return image


def _too_large(name: str, found: str | None) -> DataError:
    return DataError(
        "a picture is too large",
        where=name,
        expected=f"a file of at most {MOST_BYTES >> 20} MB, of 100 megapixels as PNG or JPEG, "
        "of 20 as WebP, AVIF or JPEG 2000",
        found=found,
        hint="make it smaller, or cut out the digit",
    )


def _pixels(image: Image.Image, longest: int) -> NDArray[np.float32]:
    """Return colours, or colours × alpha and alpha (height, width, 3 or 4) of 0–1, upright."""
    image.load()
    small = shrink(image, longest)
    if not tags_fit(small.info.get("exif", b"").removeprefix(b"Exif\0\0")):
        del small.info["exif"]
    try:
        small = ImageOps.exif_transpose(small)
    except Exception:  # notes that cannot be read do not say how the camera was held
        small.info.pop("exif", None)
    pixels: NDArray[np.float32] = np.multiply(np.asarray(small), 1 / 255, dtype=np.float32)
    return pixels


def shrink(image: Image.Image, longest: int = LONGEST_SIDE) -> Image.Image:
    """Return a picture of colours, or of colours times alpha, of so many pixels a side at most.

    It works strip by strip, so that no second copy as large as the picture is made. Every pixel of
    the result is the mean of those that it covers, as `Image.thumbnail` computes it.
    """
    width, height = image.size
    size = fitting_size(width, height, longest)
    across, down = (
        max(1, int(before / after / GAP)) for before, after in zip(image.size, size, strict=True)
    )
    white = _white(image) if image.mode.startswith(("I", "F")) else None
    has_alpha = white is None and image.has_transparency_data
    rows = max(1, STRIP // width // down) * down
    small = Image.new(
        "RGBa" if has_alpha else "RGB", (math.ceil(width / across), math.ceil(height / down))
    )
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        if white is not None:
            strip = _to_eight_bits(strip, white)
        strip = strip.convert("RGBA").convert("RGBa") if has_alpha else strip.convert("RGB")
        small.paste(strip.reduce((across, down)), (0, top // down))
    if small.size != size:
        box = (0.0, 0.0, width / across, height / down)
        small = small.resize(size, Image.Resampling.BOX, box)
    small.info = image.info.copy()
    return small


def fitting_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """Return the size with so many pixels a side at most whose proportions are nearest."""
    if max(width, height) <= longest:
        return width, height
    proportion = width / height
    if width <= height:
        exact = longest * proportion
        sides = max(1, math.floor(exact)), max(1, math.ceil(exact))
        return min(sides, key=lambda side: abs(proportion - side / longest)), longest
    exact = longest / proportion
    sides = max(1, math.floor(exact)), max(1, math.ceil(exact))
    return longest, min(sides, key=lambda side: abs(proportion - longest / side))


def _white(image: Image.Image) -> float:
    """Return the number that is white: the least of `WHITES` that none exceeds, or the highest."""
    width, height = image.size
    rows = max(1, STRIP // width)
    tops = range(0, height, rows)
    strips = (image.crop((0, top, width, min(top + rows, height))) for top in tops)
    highest = max(float(_numbers(strip).max()) for strip in strips)
    return next((white for white in WHITES if highest <= white), highest)


def _to_eight_bits(image: Image.Image, white: float) -> Image.Image:
    """Bring numbers of 0 to white to 0–255."""
    return Image.fromarray(np.uint8(np.clip(_numbers(image) * (255 / white), 0, 255)), "L")


def _numbers(image: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(image, dtype=np.float32))


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
