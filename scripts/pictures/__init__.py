"""Make pictures by which the reader of pictures is measured."""
