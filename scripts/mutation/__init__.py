"""Change bpnet's code a little, again and again, and see whether the tests notice."""
