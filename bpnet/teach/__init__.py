"""Show the mathematics of a network: every number of a step, and checks of its gradients."""
