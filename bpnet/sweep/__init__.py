"""Sweeps: many settings and seeds, trained as independent runs and compared by validation."""
