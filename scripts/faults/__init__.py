"""Faults that `check_crashes.py` brings about."""
