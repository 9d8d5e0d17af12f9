"""Sort what a user gives as pictures: files, addresses, Pillow's images, arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from io import BytesIO, TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import DataError, shorten
from bpnet.library.arrays import as_array, as_bytes
from bpnet.library.picture_reader import source_of

if TYPE_CHECKING:
    from PIL.Image import Image

EXPECTED = "a file, an address, an image of Pillow, an array of pixels, or several of these"
COLOURED = (3, 4)  # channels of a picture: red, green, blue, and how opaque it is
FORMATS = {  # that hold the pixels of each mode as they are
    **dict.fromkeys(("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "PNG"),
    **dict.fromkeys(("I", "F"), "TIFF"),
}


class NamedPicture(NamedTuple):
    """Hold a picture with what answers call it.

    Args:
        name: its path or address, or its place among those that were given.
        source: its file, its content, or grey pixels (height, width) in uint8.
    """

    name: str
    source: Path | BinaryIO | NDArray[np.uint8]

    def stream(self) -> Path | BinaryIO:
        """Return where the bytes of its file come from."""
        if isinstance(self.source, np.ndarray):
            return _encoded(_image_of(self.source), self.name)
        return self.source


def is_one_picture(given: object) -> bool:
    """Return whether a single picture was given, and not several."""
    if (
        isinstance(given, str | os.PathLike | bytes | bytearray)
        or hasattr(given, "read")
        or _is_image(given)
    ):
        return True
    shape = getattr(given, "shape", None)
    return shape is not None and (len(shape) == 2 or (len(shape) == 3 and shape[-1] in COLOURED))


def named_pictures(given: object, where: str) -> list[NamedPicture]:
    """Return the pictures that were given, in order.

    Args:
        given: one of them, or several.
        where: the argument that gives them, for messages.

    Raises:
        DataError: something is no picture, or there are none.
    """
    if is_one_picture(given):
        return [_named(given, where)]
    if not isinstance(given, Iterable) or isinstance(given, Mapping):
        raise _no_picture(given, where)
    found = [_named(one, f"{where}[{number}]") for number, one in enumerate(given)]
    if not found:
        raise DataError("there are no pictures", where=where, expected=EXPECTED, found="none")
    return found


def _named(given: Any, where: str) -> NamedPicture:
    """Return one picture with its name."""
    if isinstance(given, str | os.PathLike):
        if what_is_at(Path(given)) == DIRECTORY:
            hint = f"give its files: sorted(Path({os.fspath(given)!r}).iterdir())"
            found = "a folder"
            raise DataError("this is not a picture", where=given, found=found, hint=hint)
        return NamedPicture(*source_of(os.fspath(given)))
    if isinstance(given, bytes | bytearray):
        return NamedPicture(where, BytesIO(given))
    if isinstance(given, TextIOBase):
        found, hint = "a file opened as text", 'open it with mode "rb"'
        raise DataError("this is not a picture", where=where, found=found, hint=hint)
    if hasattr(given, "read"):
        return NamedPicture(str(getattr(given, "name", where)), given)
    if _is_image(given):
        return NamedPicture(where, _encoded(given, where))
    if not hasattr(given, "__array__") and not isinstance(given, list | tuple):
        raise _no_picture(given, where)
    pixels = as_array(given, where)
    if pixels.ndim == 3 and 1 in (pixels.shape[0], pixels.shape[2]):
        pixels = pixels[0] if pixels.shape[0] == 1 else pixels[..., 0]
    coloured = pixels.ndim == 3 and pixels.shape[2] in COLOURED
    if not (pixels.size and (pixels.ndim == 2 or coloured)):
        raise DataError(
            "this is not a picture",
            where=where,
            expected="pixels of shape (height, width), or (height, width, 3) in colours",
            found=f"shape {pixels.shape}",
        )
    grey_or_coloured = as_bytes(pixels, where)
    if not coloured:
        return NamedPicture(where, grey_or_coloured)
    return NamedPicture(where, _encoded(_image_of(grey_or_coloured), where))


def _is_image(given: object) -> bool:
    """Return whether this is an image of Pillow, which need not be loaded for that."""
    return any(kind.__module__ == "PIL.Image" for kind in type(given).__mro__)


def _image_of(pixels: NDArray[np.uint8]) -> Image:
    from PIL import Image

    return Image.fromarray(pixels)


def _encoded(image: Image, where: str) -> BinaryIO:
    """Return an image as a file of it would be, so that both are read in the same way."""
    content = BytesIO()
    plain = image if image.mode in FORMATS else image.convert("RGB")
    try:
        plain.save(content, FORMATS[plain.mode], compress_level=0)
    except (OSError, ValueError, SystemError) as error:
        raise DataError("this picture cannot be used", where=where, found=str(error)) from error
    content.seek(0)
    return content


def _no_picture(given: object, where: str) -> DataError:
    found = f"{type(given).__name__}: {shorten(repr(given), 80)}"
    return DataError("this is not a picture", where=where, expected=EXPECTED, found=found)
