"""Models: from a config or a checkpoint to answers; all that scoring and predicting need."""
