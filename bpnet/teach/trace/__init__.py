"""Traces: every number of a few training steps, and the formulas behind them."""
