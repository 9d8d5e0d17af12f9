"""Finished and unfinished runs: which there are, the best of them, and what sets them apart."""
