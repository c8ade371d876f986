"""`/v2/instances` and the paths below it."""
