"""The library that `import bpnet` offers."""
