"""Turn weights that were trained elsewhere into a checkpoint; nothing in their files is run."""
