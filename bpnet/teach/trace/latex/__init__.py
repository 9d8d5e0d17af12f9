"""A step as a derivation to paste into LaTeX, with amsmath."""
