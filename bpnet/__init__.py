"""Train MNIST networks from the command line, every forward and backward pass by hand in NumPy."""

from bpnet.version import __version__ as __version__
