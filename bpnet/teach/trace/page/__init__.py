"""A page for a step: the network drawn, every number of the step, a slider through it."""
