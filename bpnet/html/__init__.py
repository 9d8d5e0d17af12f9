"""HTML pages that stand alone: one file, no network, every script and style within."""
