"""Train MNIST networks from the command line, every forward and backward pass by hand in NumPy."""

__version__ = "0.1.0"
