"""Find the digit in a picture: open it, tell ink from paper, drop lines, group the strokes."""
