"""Train the presets' networks by other frameworks, to be timed beside bpnet."""
