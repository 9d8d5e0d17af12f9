"""The gradient check: every gradient against central differences."""
