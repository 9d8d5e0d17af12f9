"""Measure speed and memory of training and inference, against this machine's own peak."""
