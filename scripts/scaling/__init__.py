"""Parts of `measure_ranks.py`."""
