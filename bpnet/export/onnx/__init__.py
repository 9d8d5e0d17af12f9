"""Describe a network as an ONNX graph, from pictures to probabilities."""
