"""Draw handwritten digits: strokes, curves, the pen, and what varies from writer to writer."""
