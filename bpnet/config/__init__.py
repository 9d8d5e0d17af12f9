"""Settings: what a config may say, and how it is read and written."""
