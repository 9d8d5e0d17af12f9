"""Train: updates, schedules, workers, checkpoints and the loop that ties them together."""
