"""Find the digit in a picture: open it, tell ink from paper, remove lines, group the strokes."""
