"""Genesis Cloud's compute API v1, at `/compute/v1`."""
