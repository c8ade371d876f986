"""Chooses the host of an instance. Pure: hosts in, a host or the reasons out."""
