"""Where the project lies, and the data sets that may lie beside it."""

import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT.parent / "shared"
MNIST_FILES = SHARED / "mnist"
FASHION_FILES = SHARED / "fashion"
OWN_IMAGES = SHARED / "own_images"

needs_assertions = pytest.mark.skipif(
    not __debug__, reason="Python's -O leaves the assertions of the package out"
)
needs_utf8 = pytest.mark.skipif(
    sys.getfilesystemencoding() != "utf-8", reason="needs file names in UTF-8"
)
needs_data = pytest.mark.skipif(
    not MNIST_FILES.is_dir(), reason="needs the data sets beside the project"
)
