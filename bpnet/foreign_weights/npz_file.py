"""Read the arrays of an `.npz` file that any program may have written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.errors import CheckpointError
from bpnet.foreign_weights.weights import Weights, unreadable
from bpnet.model.archive import opened
from bpnet.model.forms import DIGEST, RECORD

EXPECTED = "arrays as numpy.savez writes them, without pickled objects"


@contextmanager
def open_npz(path: Path) -> Iterator[Weights]:
    """Open an `.npz` file during the block; its arrays stand in the order in which they came.

    Raises:
        CheckpointError: it is damaged, holds pickled objects or arrays whose columns come first,
            or is a checkpoint of bpnet already.
    """
    try:
        with opened(path) as archive:
            if {RECORD, DIGEST} <= archive.forms.keys():
                raise CheckpointError(
                    "this is a checkpoint of bpnet already",
                    where=path,
                    hint="use it as it is, in eval, predict or train --from",
                )

            def read(name: str) -> NDArray[Any]:
                form = archive.forms[name]
                content = bytearray()
                for block in archive.blocks(name):
                    content += block
                return np.frombuffer(content, form.dtype).reshape(form.shape)

            yield Weights(path, archive.forms, read, in_order=True)
    except CheckpointError as error:
        if error.what != "the checkpoint cannot be read":
            raise
        hint = "save arrays with row after row: numpy.ascontiguousarray(array)"
        found = error.parts["found"]
        raise unreadable(
            path, EXPECTED, found, hint if "'fortran_order': True" in str(found) else None
        ) from error
