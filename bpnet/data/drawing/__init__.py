"""Draw digits by hand: strokes, curves, the pen, and what differs from hand to hand."""
