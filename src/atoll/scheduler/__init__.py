"""Which host takes an instance. Pure: hosts in, a host or the reasons out."""
