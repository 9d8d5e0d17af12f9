"""The page of a sweep: its trials in a table and in charts."""
