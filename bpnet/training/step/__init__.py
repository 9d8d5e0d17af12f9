"""One training step: how it is split, and who computes it."""
