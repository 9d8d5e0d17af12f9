"""The page of a run: what was trained, how it learned, and where it goes wrong."""
