"""Answer any number of pictures: in chunks, on several machines, into a file that grows."""
