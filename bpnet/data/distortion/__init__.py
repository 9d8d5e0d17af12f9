"""Distort training pictures: affine maps, elastic fields, pens of other widths."""
