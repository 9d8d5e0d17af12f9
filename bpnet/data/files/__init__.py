"""Locate, download, check and read the files of data sets."""
