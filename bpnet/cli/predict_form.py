"""Tell how pictures are prepared for a network that was not trained on MNIST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpnet.cli.output import note
from bpnet.library.picture_form import UNKNOWN_FORM, check_reads_pictures, form_in_words

if TYPE_CHECKING:
    from bpnet.model.model import Model


def tell_form(model: Model, *, quiet: bool) -> list[str]:
    """Write how pictures will be prepared, and return why that may be wrong.

    Raises:
        DataError: the network cannot read pictures.
    """
    check_reads_pictures(model)
    form = form_in_words(model)
    if form is not None and not quiet:
        note(f"pictures are prepared like those of the training: {form}")
    if model.preparation is not None:
        return []
    note(f"warning: {UNKNOWN_FORM}")
    return [UNKNOWN_FORM]
