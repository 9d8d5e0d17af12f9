"""Know where data sets lie, which files they have, and how to get them there."""
