"""Build networks: every layer and loss with its forward and its backward pass."""
