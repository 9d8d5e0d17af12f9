"""Train the presets' networks with other frameworks, to be timed beside bpnet."""
