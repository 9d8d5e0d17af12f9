"""What `import bpnet` offers, and what the commands share with it."""
