"""`/v2/instances` and what is below it."""
