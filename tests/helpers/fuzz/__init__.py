"""Damaged and hostile inputs for everything that reads what people bring along."""
