"""Traces: every number of a few training steps, and their formulas."""
