"""Answer with a trained network: a list of NumPy calls for one number of samples, ready to run.

Activations lie sample first and channels last, (batch, height, width, channels): pictures enter as
they are stored, a window of the next convolution is a few long runs, and a single picture needs no
layout of its own.
"""
