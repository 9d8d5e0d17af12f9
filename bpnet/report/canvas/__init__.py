"""The canvas on which readers draw, with a network that answers in the page."""
