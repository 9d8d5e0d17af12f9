"""Formulas with their numbers put in: `10 · 1 + 1` for `z = W a + b`."""
