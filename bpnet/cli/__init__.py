"""Talk to the person at the keyboard: one file per command."""
