"""Turn the kinds of files in which people have pictures and labels into data sets."""
